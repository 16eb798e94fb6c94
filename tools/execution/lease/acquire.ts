// The way to a lease: a ticket, the wait until it is granted, and the lease in hand.
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../../base/clock.js';
import { messageOf } from '../../base/message.js';
import type { Log } from '../../base/text/live-lines.js';
import { fail, ok, type Result } from '../../base/result.js';
import { withFileLock } from '../../host/file-lock.js';
import { DEFAULT_GPU_LOCKS, lockGpus } from '../../host/gpu-lock.js';
import { hostRamGiB } from '../../host/host.js';
import { isSharedIn, openLockDirectory, sharedNote, type LockDirectory } from './directory/lock-directory.js';
import { removeLease, removeTicket, type LeaseRecord, type TicketRecord } from './directory/records.js';
import { hold, type HeldLease } from './hold.js';
import type { LeaseFailure } from './lease-failure.js';
import { impossible } from './policy/fit.js';
import { requireOwnDirectory } from './survey.js';
import { standForTicker, type Stake } from './ticker.js';
import { ticketOf, type LeaseRequest } from './ticket.js';
import { waitForGrant } from './wait.js';

/**
 * Wait until the request is granted.
 *
 * @param log told what is wanted and who holds it when the grant is not immediate, and what is wrong with the lock
 * directory or the GPUs; each sentence once.
 */
export async function acquireLease(
  directory: LockDirectory,
  request: LeaseRequest,
  signal: AbortSignal,
  log: Log,
): Promise<Result<HeldLease, LeaseFailure>> {
  const { cell, poolGiB, needs, limits } = request;
  const never = impossible(needs, poolGiB, limits.toleranceGiB, hostRamGiB());
  if (never !== undefined) return fail({ reason: 'impossible', message: `${cell} ${never}` });
  const began = monotonicMs();
  const once = logOnce(log);
  let stake: Stake | undefined;
  let ticket: TicketRecord | undefined;
  try {
    openLockDirectory(directory.root);
    requireOwnDirectory(directory);
    stake = standForTicker(
      directory,
      (warnings) => {
        for (const warning of warnings) once(warning);
      },
      (passed) => request.onTick?.(passed),
    );
    for (let onWaiting = request.onWaiting; ; onWaiting = undefined) {
      ticket = ticketOf(request, began);
      const wait = { ticket, finished: request.finished, onWaiting, signal, stake, log: once };
      const granted = await waitForGrant(directory, wait);
      if (!granted.ok) {
        await withdraw(directory, ticket, stake);
        return granted;
      }
      const locks = lockGranted(directory, granted.value, limits.gpuLocks);
      if (locks.ok) {
        removeTicket(directory, ticket.id);
        return ok(hold(directory, granted.value, monotonicMs() - began, stake, once, locks.value));
      }
      if (locks.error.reason === 'unusable') {
        await withdraw(directory, ticket, stake);
        return fail({ reason: 'unusable', message: locks.error.message });
      }
      // Somebody outside of this lock directory was faster: back into the queue, in its old place.
      once(locks.error.message);
      await giveBack(directory, ticket);
      await sleep(LOCKED_MS, undefined, { signal }).catch(() => undefined);
    }
  } catch (error) {
    if (stake !== undefined && ticket !== undefined) await withdraw(directory, ticket, stake);
    else stake?.resign();
    return fail({ reason: 'unusable', message: inWords(directory, error) });
  }
}

/** Between two tries at a GPU that another took in the same instant. */
const LOCKED_MS = 1_000;

/** Whoever looks at the lock of a GPU reads the lease, and of shared ones that others of this directory may have it too. */
function lockGranted(
  directory: LockDirectory,
  { id, cell, gpus, sharing }: LeaseRecord,
  place = DEFAULT_GPU_LOCKS,
): ReturnType<typeof lockGpus> {
  const lease = `lease ${id} of ${cell}`;
  if (sharing === 'exclusive') return lockGpus(place, gpus, lease);
  return lockGpus(place, gpus, `${lease} ${sharedNote(directory)}`, isSharedIn(directory));
}

/** Nothing of the ticket stays, nor of a lease that was granted to it in this instant. */
async function withdraw(directory: LockDirectory, ticket: TicketRecord, stake: Stake): Promise<void> {
  await giveBack(directory, ticket);
  stake.resign();
}

async function giveBack(directory: LockDirectory, { id }: TicketRecord): Promise<void> {
  // Under the lock: a grant may be on its way, and must not outlive the ticket. What goes wrong here must not hide
  // why the wait ended; a ticket or lease left behind ends with this process.
  await withFileLock(directory.schedulerLock, () => {
    removeTicket(directory, id);
    removeLease(directory, id);
  }).catch(() => undefined);
}

function logOnce(log: Log): Log {
  const logged = new Set<string>();
  return (line, when) => {
    if (logged.has(line)) return;
    logged.add(line);
    log(line, when);
  };
}

/** What the file system says of a full, read-only or vanished directory tells neither which one it is nor what to do. */
function inWords(directory: LockDirectory, error: unknown): string {
  const message = messageOf(error);
  if (!(error instanceof Error) || !('syscall' in error)) return message;
  return `lock directory ${directory.root} cannot be used: ${message}. Free space there, or name another in workspace-config/site.yaml (leases.directory).`;
}
