// Ends the leases of dead executors: the orphaned worker's process group goes first, and only then is the GPU free.
import type { LockDirectory } from './lock-directory.js';
import { bootId, identityOf, isAlive, isGroupAlive, type ProcessIdentity } from './process-identity.js';
import { removeLease, writeLease, type LeaseRecord } from './records.js';

/** Between SIGTERM and SIGKILL of an orphaned worker. */
export const GRACE_MS = 5_000;

/** Leases that still hold their resources. Called under the scheduler lock. */
export function reap(
  directory: LockDirectory,
  leases: readonly LeaseRecord[],
  now = Date.now(),
): LeaseRecord[] {
  return leases.filter((lease) => {
    if (isAlive(lease.executor)) return true;
    const { worker } = lease;
    if (worker === null || !isGroupOf(worker)) {
      removeLease(directory, lease.id);
      return false;
    }
    if (lease.terminatedAt === null) {
      signalGroup(worker.pid, 'SIGTERM');
      writeLease(directory, { ...lease, terminatedAt: now });
    } else if (Math.abs(now - lease.terminatedAt) >= GRACE_MS) {
      signalGroup(worker.pid, 'SIGKILL');
    }
    return true;
  });
}

/** The worker's group is left: its leader runs, or the leader is gone, its pid is nobody else's, and children live. */
function isGroupOf(worker: ProcessIdentity): boolean {
  if (worker.bootId !== bootId()) return false;
  return isAlive(worker) || (identityOf(worker.pid) === undefined && isGroupAlive(worker.pid));
}

export function signalGroup(groupId: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-groupId, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
