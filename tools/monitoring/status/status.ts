// The status of a suite as one value: counts, lanes, who waits and why, time left. Pure; `read-status.ts` finds the facts.
import type { GpuReading } from '../../host/gpu-answer.js';
import type { Passed } from '../../execution/lease/pass.js';
import type { JobRecord } from '../../execution/engine/job-records.js';
import { runName } from '../../execution/lease/directory/progress-record.js';
import type { Ticket } from '../../execution/lease/policy/state.js';
import { waitReasonText } from '../../execution/lease/policy/wait-reason.js';
import { cellStates, type CellFacts, type Counts } from '../../execution/records/cell-states.js';
import type { MeasuredReceipt } from '../../execution/records/standing.js';
import { countStates, type StatusCell } from './cell-counts.js';
import type { LeaseFacts } from './holder.js';
import { cpuLanes, gpuLanes, type CpuLanes, type Lane } from './lanes.js';
import { timeLeft, type TimeLeft } from './time-left.js';

export interface StatusFacts {
  suite: string;
  workspace: string;
  /** UTC, ISO-8601, and the same moment on the clock of tickets. */
  at: string;
  now: number;
  cells: readonly StatusCell[];
  receipts: ReadonlyMap<string, MeasuredReceipt>;
  /** What a token goes through in each model, in GiB, where its profile tells. */
  sizes: ReadonlyMap<string, number>;
  faults: CellFacts['faults'];
  passed: Pick<Passed, 'state' | 'waiting' | 'warnings'>;
  leases: readonly LeaseFacts[];
  pool: readonly Pick<GpuReading, 'uuid' | 'index'>[];
  /** Of cells that run elsewhere (engine: slurm). */
  jobs?: readonly JobRecord[];
  settings: { cpuSlots: number; minFreeGiB: number; requireIdle: boolean };
}

export interface WaitingCell {
  cell: string;
  /** Absolute path of the workspace whose run it is. */
  workspace: string;
  /** `needs 2 GPUs of 90 GiB, 1 free`. */
  reason: string;
  waitedSeconds: number;
}

export interface Status {
  schema: 1;
  suite: string;
  workspace: string;
  at: string;
  cells: Counts;
  models: Record<string, Counts>;
  gpus: Lane[];
  cpu: CpuLanes;
  /** Of cells that run elsewhere (engine: slurm), the oldest first. */
  jobs: StatusJob[];
  /** Of the whole host, in the order they are served. */
  waiting: WaitingCell[];
  failed: { cell: string; why: string }[];
  /** Null when nothing is open. */
  timeLeft: TimeLeft | null;
  warnings: string[];
}

/** A cell as a job in the queue of a cluster. */
export interface StatusJob {
  cell: string;
  workspace: string;
  /** Null while it is not submitted. */
  job: string | null;
  state: 'waiting' | 'running';
  /** Why it waits, in words; empty while it runs. */
  reason: string;
  node: string;
  gpus: number;
  attempt: number;
  /** In this state. */
  elapsedSeconds: number;
}

export function statusOf(facts: StatusFacts): Status {
  const { suite, workspace, at, cells, leases, passed, pool, settings } = facts;
  const own = leases.filter(({ lease }) => lease.workspace === workspace);
  const jobs = (facts.jobs ?? []).map((job) => statusJob(job, at));
  const inJobs = (state: StatusJob['state']): string[] =>
    jobs.filter((job) => job.workspace === workspace && job.state === state).map(({ cell }) => cell);
  const states = cellStates(cells, {
    running: new Set([...own.map(({ lease }) => lease.cell), ...inJobs('running')]),
    waiting: new Set([
      ...passed.state.tickets.filter(({ run }) => run === runName(workspace, suite)).map(({ cell }) => cell),
      ...inJobs('waiting'),
    ]),
    receipts: facts.receipts,
    faults: facts.faults,
  });
  const { all, models } = countStates(cells, states);
  return {
    schema: 1,
    suite,
    workspace,
    at,
    cells: all,
    models,
    gpus: gpuLanes({
      leases,
      gpus: passed.state.host.gpus,
      pool,
      ...settings,
    }),
    cpu: cpuLanes(leases, settings.cpuSlots),
    jobs,
    waiting: waitingCells(passed, facts.now),
    failed: cells.flatMap(({ id }) =>
      states.get(id) === 'failed' ? [{ cell: id, why: facts.faults.get(id)?.sentence ?? '' }] : [],
    ),
    timeLeft:
      timeLeft({
        cells,
        states,
        receipts: facts.receipts,
        elapsed: new Map(own.map(({ lease, elapsedSeconds }) => [lease.cell, elapsedSeconds])),
        sizes: facts.sizes,
        gpus: pool.length,
        cpuSlots: settings.cpuSlots,
      }) ?? null,
    warnings: passed.warnings,
  };
}

function statusJob(of: JobRecord, at: string): StatusJob {
  const { cell, workspace, job, state, reason, node, gpus, attempt, since } = of;
  const elapsedSeconds = Math.max(0, Date.parse(at) - Date.parse(since)) / 1_000;
  return { cell, workspace, job, state, reason, node, gpus, attempt, elapsedSeconds };
}

/** Those that would start at once come first: they wait for the pass that is about to be made. */
export function waitingCells(
  { state, waiting }: Pick<Passed, 'state' | 'waiting'>,
  now: number,
): WaitingCell[] {
  const held = new Set(waiting.map(({ ticket }) => ticket.id));
  const show = ({ cell, run, queuedAtMs }: Ticket, reason: string): WaitingCell => ({
    cell,
    workspace: run.slice(0, run.lastIndexOf('#')),
    reason,
    waitedSeconds: Math.max(0, now - queuedAtMs) / 1_000,
  });
  return [
    ...state.tickets.filter(({ id }) => !held.has(id)).map((ticket) => show(ticket, 'starts now')),
    ...waiting.map(({ ticket, reason }) => show(ticket, waitReasonText(reason, now))),
  ];
}
