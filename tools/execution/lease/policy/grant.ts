// The scheduler's policy as a pure function of its state: which waiting tickets get what, and why the others wait.
import { Ledger, type WaitReason } from './ledger.js';
import { ranked } from './priority.js';
import type { Decision, Grant, SchedulerState, Ticket } from './state.js';
import { sizeText } from '../../../base/units.js';

/** So long nothing may run or come, and nobody but makers of weights wait, before a lack of disk counts as a standstill. */
export const STANDSTILL_MS = 30_000;

export interface Waiting {
  ticket: Ticket;
  reason: WaitReason;
}

/**
 * Grants in order of rank (`ranked`), each ticket by what it needs and what is left. A ticket whose key holds a lease
 * waits for it to end. Those that wait for GPUs or memory keep what frees for them; others pass them only where they
 * end sooner or touch none of it.
 */
export function grant(state: SchedulerState, now: number): Decision & { waiting: Waiting[] } {
  const ledger = new Ledger(state, now);
  const grants: Grant[] = [];
  const waiting: Waiting[] = [];
  for (const ticket of ranked(state, now)) {
    const served = ledger.serve(ticket);
    if (served.ok) grants.push(served.value);
    else waiting.push({ ticket, reason: served.error });
  }
  if (grants.length > 0 || !isStandstill(state, waiting, now)) return { grants, refusals: [], waiting };
  return { ...resolveStandstill(ledger, waiting), waiting };
}

/** Nothing runs, and all who wait want disk that is not there: nobody is left who could free any. */
function isStandstill(state: SchedulerState, waiting: readonly Waiting[], now: number): boolean {
  if (state.idleSinceMs === null || waiting.length === 0) return false;
  const lastEvent = Math.max(state.idleSinceMs, ...waiting.map(({ ticket }) => ticket.queuedAtMs));
  return now - lastEvent >= STANDSTILL_MS && waiting.every(({ reason }) => reason.what === 'disk');
}

/** First weights that can be rebuilt are evicted; else the last in rank is refused, so that nx can start what may free disk. */
function resolveStandstill(ledger: Ledger, waiting: readonly Waiting[]): Decision {
  for (const { ticket } of waiting.filter((one) => one.ticket.droppableBytes > 0)) {
    const served = ledger.serveByEvicting(ticket);
    if (served.ok) return { grants: [served.value], refusals: [] };
  }
  const last = waiting.at(-1);
  if (last?.reason.what !== 'disk') return { grants: [], refusals: [] };
  const { wantedBytes, leftBytes } = last.reason;
  const kept = sizeText(last.ticket.limits.disk.minFreeBytes);
  const reason = `wants to write ${sizeText(wantedBytes)} of weights; ${sizeText(leftBytes)} are left above the ${kept} that stay free, and nothing runs that frees more`;
  return { grants: [], refusals: [{ ticket: last.ticket, reason }] };
}
