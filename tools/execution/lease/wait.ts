// The wait of one ticket, from its first pass until it is granted, refused or cancelled.
import { monotonicMs } from '../../base/clock.js';
import { durationText } from '../../base/duration.js';
import type { Log } from '../../base/text/live-lines.js';
import { fail, ok, type Result } from '../../base/result.js';
import { Bell } from './bell.js';
import type { LockDirectory } from './directory/lock-directory.js';
import { reopen } from './directory/recovery.js';
import { beginProgress, readProgress, recordWaiting } from './directory/progress-record.js';
import {
  isTicketThere,
  readLease,
  writeTicket,
  type LeaseRecord,
  type TicketRecord,
} from './directory/records.js';
import type { LeaseFailure } from './lease-failure.js';
import { readRefusal, schedulerPass } from './pass.js';
import type { LeaseRequest } from './ticket.js';
import type { Stake } from './ticker.js';
import { waitText } from './wait-text.js';

/** The longest a waiting executor sleeps without a ring: where no file watches are left it is the only look. */
const DEAF_LOOK_MS = 1_000;
const SAFETY_LOOK_MS = 120_000;

export interface Wait {
  ticket: TicketRecord;
  /** Cells of the run that are finished already; asked when the host knows nothing of the run. */
  finished: LeaseRequest['finished'];
  /** Called once, when the first look granted nothing. */
  onWaiting: (() => void) | undefined;
  signal: AbortSignal;
  stake: Stake;
  log: Log;
}

/** @throws Error when the lock directory cannot be used. */
export async function waitForGrant(
  directory: LockDirectory,
  { ticket, finished, onWaiting, signal, stake, log }: Wait,
): Promise<Result<LeaseRecord, LeaseFailure>> {
  // The watch stands before the state is read, so no grant falls between the two.
  let bell = new Bell(writeTicket(directory, ticket));
  const beganMs = monotonicMs();
  const backOff = passAfterBackOff(directory, ticket);
  try {
    const first = await schedulerPass(directory, {
      before: () => {
        enlist(directory, ticket, finished);
      },
      onWait: log,
    });
    for (const warning of first.warnings) log(warning);
    for (let told: string | undefined; ;) {
      if (signal.aborted) {
        return fail({ reason: 'cancelled', message: `${ticket.cell}: cancelled while waiting` });
      }
      // The lease is the truth; the file beside the ticket only rings the bell.
      const lease = readLease(directory, ticket.id);
      if (lease.ok) {
        const seconds = (monotonicMs() - beganMs) / 1_000;
        if (told !== undefined) log(`waited ${durationText(seconds)}: ${told}`);
        return ok(lease.value);
      }
      const refusal = readRefusal(directory, ticket.id);
      if (refusal !== undefined) return fail({ reason: 'refused', message: refusal });
      if (told === undefined) {
        told = waitText(first, ticket);
        // Nx would show it again whenever it answers from its cache.
        log(`waiting: ${told}`, 'now');
        onWaiting?.();
      }
      await bell.rung(bell.hears ? SAFETY_LOOK_MS : DEAF_LOOK_MS, signal);
      stake.look();
      if (isTicketThere(directory, ticket.id)) continue;
      // Removed or torn by hand: without it nobody would ever serve this cell.
      bell.close();
      reopen(directory);
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

/** The run's progress record counts the cell as one that waits. */
function enlist(
  directory: LockDirectory,
  { run, cell, standing }: TicketRecord,
  finished: Wait['finished'],
): void {
  if (readProgress(directory, run) === undefined) beginProgress(directory, run, finished?.() ?? []);
  recordWaiting(directory, run, { cell, model: standing.model, cellsOfModel: standing.cellsOfModel });
}
