// Who holds a lane: one lease as `status` and `leases` show it.
import type { LeaseRecord } from '../../execution/lease/directory/records.js';
import { concerns, type HolderFacts } from './liveness.js';

export interface Holder {
  lease: string;
  cell: string;
  /** Absolute path of the workspace whose run it is. */
  workspace: string;
  elapsedSeconds: number;
  /** GiB reserved on each of its GPUs, and used on this one; null where nothing tells. */
  reservedGiB: number | null;
  usedGiB: number | null;
  executorPid: number;
  workerPid: number | null;
  attempt: number;
  concerns: string[];
}

export interface LeaseFacts {
  lease: LeaseRecord;
  facts: HolderFacts;
  elapsedSeconds: number;
}

/** Those on the GPU (null: all given), longest first. */
export function holdersOf(
  leases: readonly LeaseFacts[],
  uuid: string | null,
  usedByLease: Readonly<Record<string, number>>,
): Holder[] {
  return leases
    .filter(({ lease }) => uuid === null || lease.gpus.includes(uuid))
    .map(({ lease, facts, elapsedSeconds }) => ({
      lease: lease.id,
      cell: lease.cell,
      workspace: lease.workspace,
      elapsedSeconds,
      reservedGiB: uuid === null ? null : lease.gibPerGpu,
      usedGiB: usedByLease[lease.id] ?? null,
      executorPid: lease.executor.pid,
      workerPid: lease.worker?.pid ?? null,
      attempt: lease.attempt,
      concerns: concerns({ executor: lease.executor.pid, worker: lease.worker?.pid ?? null }, facts),
    }))
    .sort((a, b) => b.elapsedSeconds - a.elapsedSeconds || (a.cell < b.cell ? -1 : 1));
}
