// Revokes one lease by hand (`nx leases --break`): its executor is told, its processes end, and then its GPUs are free.
import { userInfo } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../../base/clock.js';
import { recordRevocation, sweepRevocations } from './directory/revocation.js';
import { isOwnerAlive } from './directory/ids.js';
import type { LockDirectory } from './directory/lock-directory.js';
import { schedulerPass } from './pass.js';
import { isStopped, strangeness } from '../../host/process-identity.js';
import { isGone } from '../../host/read-record.js';
import { GRACE_MS, processesOf } from './reap.js';
import { readLease, removeLease, type LeaseRecord } from './directory/records.js';

/** So long an executor has to give back a lease whose processes are gone; a busy machine may need some of it. */
const GIVE_BACK_MS = 10_000;
/** A process that outlives SIGKILL for so long sits in the kernel: nothing here can end it. */
const KILL_MS = 10_000;
const LOOK_MS = 50;

export type Ended = 'given back by its executor' | 'taken from its executor' | 'already gone';

/**
 * End the lease. Its processes get SIGTERM, and SIGKILL after the grace; the lease goes when none of them is left.
 *
 * @param pid of the executor that holds it, as the lease's id begins with.
 * @throws Error when its processes cannot be seen from here, or cannot be ended: the lease then stays.
 */
export async function revokeLease(directory: LockDirectory, id: string): Promise<Ended> {
  const found = readLease(directory, id);
  if (isGone(found)) return 'already gone';
  // A damaged file still has a name, and processes carry it.
  const lease = found.ok ? found.value : { id, worker: null };
  requireVisible(lease);
  sweepRevocations(directory);
  recordRevocation(directory, id, { user: userName(), pid: process.pid, at: new Date().toISOString() });
  await endProcesses(directory, lease);
  if (await isGivenBack(directory, id)) return 'given back by its executor';
  // Stopped, or dead: it cannot. The record stays, so that it takes nothing back when it goes on.
  await schedulerPass(directory, {
    notBeforeMs: monotonicMs(),
    before: () => {
      if (processesOf(current(directory, lease)).length > 0) throw new Error(`${id} started processes again`);
      removeLease(directory, id);
    },
  });
  return 'taken from its executor';
}

type Processes = Pick<LeaseRecord, 'id' | 'worker'> & Partial<Pick<LeaseRecord, 'executor'>>;

function requireVisible({ id, executor }: Processes): void {
  const stranger = executor === undefined ? undefined : strangeness(executor);
  if (stranger === undefined) return;
  throw new Error(`lease ${id} is held from ${stranger}: its processes cannot be seen here. Break it there.`);
}

/** With the worker its executor may have named since. */
function current(directory: LockDirectory, lease: Processes): Processes {
  const found = readLease(directory, lease.id);
  return found.ok ? found.value : lease;
}

async function endProcesses(directory: LockDirectory, lease: Processes): Promise<void> {
  const began = monotonicMs();
  for (const end of processesOf(lease)) end('SIGTERM');
  for (;;) {
    const left = processesOf(current(directory, lease));
    if (left.length === 0) return;
    const afterMs = monotonicMs() - began;
    if (afterMs >= GRACE_MS) for (const end of left) end('SIGKILL');
    if (afterMs >= GRACE_MS + KILL_MS) {
      throw new Error(
        `${left.length} of its processes outlive SIGKILL (a driver or file system that hangs). The lease stays, and so do its GPUs; it is free once they are gone.`,
      );
    }
    await sleep(LOOK_MS);
  }
}

async function isGivenBack(directory: LockDirectory, id: string): Promise<boolean> {
  const began = monotonicMs();
  const pid = Number(id.split('-')[0]);
  for (;;) {
    if (isGone(readLease(directory, id))) return true;
    if (!isOwnerAlive(id) || isStopped(pid) || monotonicMs() - began > GIVE_BACK_MS) return false;
    await sleep(LOOK_MS);
  }
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // No entry for this user id, as in some containers.
    return `user ${process.getuid?.() ?? '?'}`;
  }
}
