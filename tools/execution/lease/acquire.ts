// What an executor calls for a lease: a ticket, and the wait until it is granted.
import { monotonicMs } from '../../base/clock.js';
import { Bell } from './bell.js';
import { withFileLock } from '../../host/file-lock.js';
import { impossible } from './policy/fit.js';
import { hold, type HeldLease } from './hold.js';
import { hostRamGiB } from '../../host/host.js';
import { newId } from './directory/ids.js';
import { openLockDirectory, type LockDirectory } from './directory/lock-directory.js';
import { readRefusal, schedulerPass, type Passed } from './pass.js';
import { ownIdentity } from '../../host/process-identity.js';
import {
  beginProgress,
  readProgress,
  recordFinished,
  recordWaiting,
  runName,
  type Finished,
} from './directory/progress-record.js';
import {
  isTicketThere,
  readLease,
  removeLease,
  removeTicket,
  writeTicket,
  type LeaseRecord,
  type TicketRecord,
} from './directory/records.js';
import type { Limits, Needs, Standing } from './policy/state.js';
import { requireOwnDirectory } from './survey.js';
import { standForTicker, type Stake } from './ticker.js';
import { obstacleText } from './policy/why.js';

export interface LeaseRequest {
  /** Same work, same key: waits while another run has it. */
  key: string;
  cell: string;
  workspace: string;
  standing: Standing;
  needs: Needs;
  limits: Limits;
  /** GiB of each GPU of the pool. */
  poolGiB: readonly number[];
  storageRoot: string;
  /** Since when the cell waits (`HeldLease.record.queuedAtMs` of an earlier turn): a retry keeps its place. */
  queuedAtMs?: number;
  /** The cell backs off until then (`monotonicMs`), in its place in the queue and holding nothing. */
  notBeforeMs?: number;
  /** Bytes of weights that earlier turns of this cell made and that can be made again. */
  droppableBytes?: number;
  /** Number of the attempt this is for, from 1. */
  attempt?: number;
  /** Cells of the run that are finished already; asked when the host knows nothing of the run. */
  finished?: () => readonly Finished[];
  /** Called at every pass of the host's ticker while this process is it. */
  onTick?: (passed: Passed) => void;
}

export class Cancelled extends Error {}

/** What the cell needs is not there, and nothing that runs or waits on this host will free it. */
export class Refused extends Error {}

/** The longest a waiting executor sleeps without a ring: where no file watches are left it is the only look. */
const DEAF_LOOK_MS = 1_000;
const SAFETY_LOOK_MS = 120_000;

/**
 * Wait until the request is granted.
 *
 * @param say called with what is wanted and who holds it when the grant is not immediate, and with what is wrong with
 * the lock directory or the GPUs; each sentence once.
 * @throws Cancelled when `signal` aborts; Refused; Error when this host can never grant it, or the lock directory
 * cannot be used.
 */
export async function acquireLease(
  directory: LockDirectory,
  request: LeaseRequest,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<HeldLease> {
  const { poolGiB, needs, limits } = request;
  const never = impossible(needs, poolGiB, limits.toleranceGiB, hostRamGiB());
  if (never !== undefined) throw new Error(`${request.cell} ${never}`);
  const began = monotonicMs();
  const ticket = ticketOf(request, began);
  const once = sayOnce(say);
  openLockDirectory(directory.root);
  requireOwnDirectory(directory);
  const warn = (lines: readonly string[]): void => {
    lines.forEach(once);
  };
  const stake = standForTicker(directory, warn, (passed) => {
    request.onTick?.(passed);
  });
  try {
    const record = await waitForGrant(directory, ticket, request, signal, stake, once);
    removeTicket(directory, ticket.id);
    return hold(directory, record, monotonicMs() - began, stake, once);
  } catch (error) {
    // Under the lock: a grant may be on its way, and must not outlive the ticket. What goes wrong here must not hide
    // why the wait ended; a ticket or lease left behind ends with this process.
    await withFileLock(directory.schedulerLock, () => {
      removeTicket(directory, ticket.id);
      removeLease(directory, ticket.id);
    }).catch(() => undefined);
    stake.resign();
    throw inWords(directory, error);
  }
}

/** Count a cell that was found finished without a lease. */
export async function countFinished(
  directory: LockDirectory,
  workspace: string,
  suite: string,
  finished: Finished,
): Promise<void> {
  const run = runName(workspace, suite);
  const record = readProgress(directory, run);
  // A host that knows nothing of the run learns of it from the receipts, this one's among them, when a cell waits.
  if (record === undefined || record.done[finished.model]?.includes(finished.cell) === true) return;
  await withFileLock(directory.schedulerLock, () => {
    recordFinished(directory, run, finished);
  });
}

function ticketOf(request: LeaseRequest, now: number): TicketRecord {
  const { key, cell, workspace, standing, needs, limits, storageRoot } = request;
  return {
    id: newId(),
    key,
    cell,
    run: runName(workspace, standing.suite),
    workspace,
    standing,
    needs,
    limits,
    storageRoot,
    queuedAtMs: request.queuedAtMs ?? now,
    notBeforeMs: request.notBeforeMs ?? 0,
    droppableBytes: request.droppableBytes ?? 0,
    attempt: request.attempt ?? 1,
    executor: ownIdentity(),
  };
}

async function waitForGrant(
  directory: LockDirectory,
  ticket: TicketRecord,
  request: LeaseRequest,
  signal: AbortSignal,
  stake: Stake,
  say: (line: string) => void,
): Promise<LeaseRecord> {
  // The watch stands before the state is read, so no grant falls between the two.
  let bell = new Bell(writeTicket(directory, ticket));
  const backOff = passAfterBackOff(directory, ticket);
  try {
    const first = await schedulerPass(directory, {
      before: () => {
        enlist(directory, ticket, request);
      },
      onWait: say,
    });
    first.warnings.forEach(say);
    for (let told = false; ;) {
      if (signal.aborted) throw new Cancelled(`${request.cell}: cancelled while waiting`);
      // The lease is the truth; the file beside the ticket only rings the bell.
      const lease = readLease(directory, ticket.id);
      if (lease.state === 'read') return lease.value;
      const refused = readRefusal(directory, ticket.id);
      if (refused !== undefined) throw new Refused(refused);
      if (!told) say(describeWait(first, ticket));
      told = true;
      await bell.rung(bell.hears ? SAFETY_LOOK_MS : DEAF_LOOK_MS, signal);
      stake.look();
      if (isTicketThere(directory, ticket.id)) continue;
      // Removed or torn by hand: without it nobody would ever serve this cell.
      bell.close();
      openLockDirectory(directory.root);
      bell = new Bell(writeTicket(directory, ticket));
      await schedulerPass(directory);
    }
  } finally {
    clearTimeout(backOff);
    bell.close();
  }
}

/** No event ends a back-off: its own process makes the pass. */
function passAfterBackOff(
  directory: LockDirectory,
  { notBeforeMs }: TicketRecord,
): NodeJS.Timeout | undefined {
  const afterMs = notBeforeMs - monotonicMs();
  if (afterMs <= 0) return undefined;
  return setTimeout(() => void schedulerPass(directory).catch(() => undefined), afterMs + 1).unref();
}

function enlist(
  directory: LockDirectory,
  { run, cell, standing }: TicketRecord,
  request: LeaseRequest,
): void {
  if (readProgress(directory, run) === undefined) beginProgress(directory, run, request.finished?.() ?? []);
  recordWaiting(directory, run, { cell, model: standing.model, cellsOfModel: standing.cellsOfModel });
}

/** One line: what it needs, what is free, and who holds the rest. */
function describeWait({ waiting, leases, state }: Passed, { id, key, needs }: TicketRecord): string {
  const own = waiting.find(({ ticket }) => ticket.id === id);
  if (own === undefined) return 'waiting';
  if (own.obstacle.what === 'twin') {
    const twin = leases.find((lease) => lease.key === key);
    return `waiting: another run (process ${twin?.executor.pid ?? '?'}) has this cell`;
  }
  const gpus = own.obstacle.what === 'gpus';
  const holders = state.leases
    .filter((lease) => !gpus || needs.gpus === 0 || lease.gpus.length > 0)
    .sort((a, b) => a.grantedAtMs - b.grantedAtMs || (a.cell < b.cell ? -1 : 1))
    .map(({ cell }) => cell);
  const shown = holders.slice(0, 4).join(', ') + (holders.length > 4 ? `, … (${holders.length})` : '');
  return `waiting: ${obstacleText(own.obstacle, monotonicMs())}${shown === '' ? '' : `; held by ${shown}`}`;
}

function sayOnce(say: (line: string) => void): (line: string) => void {
  const said = new Set<string>();
  return (line) => {
    if (said.has(line)) return;
    said.add(line);
    say(line);
  };
}

/** What the file system says of a full, read-only or vanished directory says nothing of which, and what to do. */
function inWords(directory: LockDirectory, error: unknown): unknown {
  if (!(error instanceof Error) || !('syscall' in error)) return error;
  return new Error(
    `lock directory ${directory.root} cannot be used: ${error.message}. Free space there, or name another in workspace-config/site.yaml (leases.directory).`,
  );
}
