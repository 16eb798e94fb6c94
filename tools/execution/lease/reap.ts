// Ends the leases of dead executors: first the processes of the orphaned worker, then the lease, which frees its GPUs.
import { readFileSync } from 'node:fs';
import { monotonicMs } from '../../base/clock.js';
import type { LockDirectory } from './directory/lock-directory.js';
import {
  bootId,
  identityOf,
  isAlive,
  isGroupAlive,
  pidsOfHost,
  type ProcessIdentity,
} from '../../host/process-identity.js';
import { removeLease, writeLease, type LeaseRecord } from './directory/records.js';

/** Between SIGTERM and SIGKILL of an orphaned worker. */
export const GRACE_MS = 5_000;

/** Workers carry the id of their lease in their environment, so that even one that left its group is found. */
export const LEASE_VARIABLE = 'VALIDATION_LEASE';

/**
 * How long the lease of an executor that named no worker outlives it: a child it was just starting carries the lease's
 * id only once it has become the worker.
 */
const UNNAMED_MS = 500;

/** Leases that still hold their resources. Called under the scheduler lock. */
export function reap(directory: LockDirectory, leases: readonly LeaseRecord[]): LeaseRecord[] {
  return leases.flatMap((lease) => {
    if (isAlive(lease.executor)) return [lease];
    const orphans = processesOf(lease);
    if (orphans.length === 0 && !mayBeStarting(lease)) {
      removeLease(directory, lease.id);
      return [];
    }
    const now = monotonicMs();
    if (lease.terminatedAtMs === null) {
      for (const end of orphans) end('SIGTERM');
      const marked = { ...lease, terminatedAtMs: now };
      writeLease(directory, marked);
      return [marked];
    }
    if (now - lease.terminatedAtMs >= GRACE_MS) for (const end of orphans) end('SIGKILL');
    return [lease];
  });
}

function mayBeStarting({ worker, executor, terminatedAtMs }: LeaseRecord): boolean {
  if (worker !== null || executor.bootId !== bootId()) return false;
  return terminatedAtMs === null || monotonicMs() - terminatedAtMs < UNNAMED_MS;
}

/** End what a dead executor's unreadable lease left, known by the lease's id alone; false once nothing is left of it. */
export function endStrays(id: string): boolean {
  const strays = straysOf(id);
  for (const pid of strays) signalProcess(pid, 'SIGKILL');
  return strays.length > 0;
}

/** Sends a signal to a process or group, if it is still there. */
export type End = (signal: NodeJS.Signals) => void;

/** What is left of a worker: its process group, and every process that carries the lease's id. */
export function processesOf({
  id,
  worker,
  executor,
}: Pick<LeaseRecord, 'id' | 'worker'> & { executor?: ProcessIdentity }): End[] {
  if (executor !== undefined && executor.bootId !== bootId()) return [];
  return [
    ...(worker !== null && isGroupOf(worker)
      ? [
          (signal: NodeJS.Signals) => {
            signalGroup(worker.pid, signal);
          },
        ]
      : []),
    ...straysOf(id).map((pid) => (signal: NodeJS.Signals) => {
      signalProcess(pid, signal);
    }),
  ];
}

function straysOf(id: string): number[] {
  return pidsOfHost().filter((pid) => carries(pid, id) && identityOf(pid) !== undefined);
}

function carries(pid: number, lease: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(`${LEASE_VARIABLE}=${lease}`);
  } catch {
    // Gone, or another user's.
    return false;
  }
}

/** The worker's group is left: its leader runs, or the leader is gone, its pid is nobody else's, and children live. */
function isGroupOf(worker: ProcessIdentity): boolean {
  if (worker.bootId !== bootId()) return false;
  return isAlive(worker) || (identityOf(worker.pid) === undefined && isGroupAlive(worker.pid));
}

export function signalGroup(groupId: number, signal: NodeJS.Signals): void {
  signalProcess(-groupId, signal);
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // Gone, or not to be signalled from here: what is left of it keeps its lease.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}
