// All leases and tickets of the lock directory, of every workspace, as one value.
import { monotonicMs } from '../../base/clock.js';
import { readJobs, type JobRecord } from '../../execution/engine/job-records.js';
import { openLockDirectory, type LockDirectory } from '../../execution/lease/directory/lock-directory.js';
import { isAlive, strangeness } from '../../host/process-identity.js';
import { readLeases, readTickets, type LeaseRecord } from '../../execution/lease/directory/records.js';
import { loadSiteSettings } from '../../suite/settings/settings.js';
import { concerns, holderFacts } from './liveness.js';

export interface ListedLease {
  id: string;
  cell: string;
  /** Absolute path. */
  workspace: string;
  host: string;
  executorPid: number;
  workerPid: number | null;
  /** Indices as nvidia-smi counts, and UUIDs. */
  gpus: number[];
  gpuUuids: string[];
  /** GiB reserved on each GPU; host memory; disk for weights. */
  gibPerGpu: number;
  ramGiB: number;
  diskBytes: number;
  cpuSlots: number;
  /** UTC, ISO-8601. */
  since: string;
  elapsedSeconds: number;
  attempt: number;
  concerns: string[];
}

export interface ListedTicket {
  id: string;
  cell: string;
  workspace: string;
  host: string;
  executorPid: number;
  waitedSeconds: number;
  attempt: number;
}

export interface LeaseList {
  schema: 1;
  directory: string;
  leases: ListedLease[];
  tickets: ListedTicket[];
  /** Cells that wait or run elsewhere (engine: slurm), with the executor of this host that watches over each. */
  jobs: JobRecord[];
  /** Files that cannot be read, by the id they stand for. */
  damaged: { id: string; path: string; why: string }[];
}

/** @throws Error when the settings or the lock directory cannot be used. */
export function readLeaseList(workspaceRoot: string): LeaseList {
  return listLeases(openLockDirectory(loadSiteSettings(workspaceRoot).lockDirectory));
}

/** Only looks. */
export function listLeases(directory: LockDirectory): LeaseList {
  const tickets = readTickets(directory);
  const leases = readLeases(directory);
  const held = new Set(leases.records.map(({ id }) => id));
  return {
    schema: 1,
    directory: directory.root,
    leases: leases.records
      .map((lease) => listed(directory, lease))
      .sort((a, b) => b.elapsedSeconds - a.elapsedSeconds || (a.id < b.id ? -1 : 1)),
    tickets: tickets.records
      .filter(
        ({ id, executor }) => !held.has(id) && (isAlive(executor) || strangeness(executor) !== undefined),
      )
      .map(({ id, cell, workspace, executor, queuedAtMs, attempt }) => ({
        id,
        cell,
        workspace,
        host: executor.host,
        executorPid: executor.pid,
        waitedSeconds: Math.max(0, monotonicMs() - queuedAtMs) / 1_000,
        attempt,
      }))
      .sort((a, b) => b.waitedSeconds - a.waitedSeconds || (a.id < b.id ? -1 : 1)),
    jobs: readJobs(directory),
    damaged: [...leases.damaged, ...tickets.damaged].map(({ id, path, problem }) => ({
      ...{ id, path },
      why: problem,
    })),
  };
}

function listed(directory: LockDirectory, lease: LeaseRecord): ListedLease {
  const { id, cell, workspace, executor, worker, gpus, gpuIndices, gibPerGpu, ramGiB } = lease;
  const pids = { executor: executor.pid, worker: worker?.pid ?? null };
  return {
    id,
    cell,
    workspace,
    host: executor.host,
    executorPid: pids.executor,
    workerPid: pids.worker,
    gpus: gpuIndices,
    gpuUuids: gpus,
    gibPerGpu,
    ramGiB,
    diskBytes: lease.diskBytes,
    cpuSlots: lease.cpuSlots,
    since: lease.grantedAt,
    elapsedSeconds: Math.max(0, monotonicMs() - lease.grantedAtMs) / 1_000,
    attempt: lease.attempt,
    concerns: concerns(pids, holderFacts(directory, lease)),
  };
}
