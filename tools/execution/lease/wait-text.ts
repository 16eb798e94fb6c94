// Why a cell has to wait: what it needs, what is free, and which cells hold the rest.
import { monotonicMs } from '../../base/clock.js';
import type { TicketRecord } from './directory/records.js';
import type { Passed } from './pass.js';
import { waitReasonText } from './policy/wait-reason.js';

const SHOWN_HOLDERS = 4;

export function waitText({ waiting, leases, state }: Passed, { id, key, needs }: TicketRecord): string {
  const reason = waiting.find(({ ticket }) => ticket.id === id)?.reason;
  if (reason === undefined) return 'its turn';
  if (reason.what === 'duplicate') {
    const other = leases.find((lease) => lease.key === key);
    return `another run (process ${other?.executor.pid ?? '?'}) has this cell`;
  }
  const onlyGpus = reason.what === 'gpus' && needs.gpus > 0;
  const holders = state.leases
    .filter((lease) => !onlyGpus || lease.gpus.length > 0)
    .sort((a, b) => a.grantedAtMs - b.grantedAtMs || (a.cell < b.cell ? -1 : 1))
    .map(({ cell }) => cell);
  const more = holders.length > SHOWN_HOLDERS ? `, … (${holders.length})` : '';
  const heldBy = holders.length === 0 ? '' : `; held by ${holders.slice(0, SHOWN_HOLDERS).join(', ')}${more}`;
  return `${waitReasonText(reason, monotonicMs())}${heldBy}`;
}
