// The run summary, printed after a run and its verdict: root causes with what waits for them, errors on record, a short disk,
// and how its time divides.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readIfThere } from '../../base/files.js';
import { rootCauses, type RootCause } from './blocked.js';
import { timeLines, type CellTime } from './run-times.js';
import type { PlannedCell } from '../../suite/plan/planned.js';
import { metDeadline } from '../../execution/progress/deadline-record.js';
import { pressurePath } from '../../execution/store/disk.js';
import { faultLogPath, readFaultLog, type FaultRecord } from '../../execution/records/fault-log.js';
import { isFinished, type CellState } from '../../execution/records/cell-states.js';
import { readFaults } from '../../execution/records/last-fault.js';
import { readReceipt } from '../../execution/records/receipt.js';
import { readStanding, standingStates, type Standing } from '../../execution/records/standing.js';

const SHOWN_CELLS = 8;
const SHOWN_ERRORS = 5;

export interface EndedRun {
  workspaceRoot: string;
  suite: string;
  cells: readonly PlannedCell[];
  /** When it began, milliseconds since the epoch. */
  since: number;
  /** Ids of targets that were not answered from Nx's cache, and ended well. */
  ran: ReadonlySet<string>;
  /** How the cells stand after it, where somebody has looked; a run without a fault needs no look. */
  standing?: Standing;
}

export async function runSummary(run: EndedRun): Promise<string[]> {
  const { workspaceRoot, suite, cells, since } = run;
  const errors = readFaultLog(workspaceRoot, suite).faults.filter(({ at }) => Date.parse(at) >= since);
  const faults = run.standing?.faults ?? readFaults(workspaceRoot, cells);
  const wasStopped = metDeadline(workspaceRoot, suite, since);
  const states =
    faults.size > 0 || wasStopped
      ? standingStates(cells, run.standing ?? (await readStanding(workspaceRoot, cells)))
      : undefined;
  return [
    ...(states === undefined ? [] : causeLines(causesOf(cells, faults, states))),
    ...errorLines(errors, suite),
    ...pressureLines(workspaceRoot, suite, since),
    ...(states !== undefined && wasStopped ? deadlineLines(cells, states) : []),
    ...timeLines(timesOf(run)),
  ];
}

function causesOf(
  cells: readonly PlannedCell[],
  faults: Standing['faults'],
  states: ReadonlyMap<string, CellState>,
): RootCause[] {
  const failed = [...faults].filter(([id]) => states.get(id) === 'failed');
  const finished = cells.flatMap(({ id }) => (isFinished(states.get(id)) ? [id] : []));
  return rootCauses(cells, new Map(failed.map(([id, { sentence }]) => [id, sentence])), new Set(finished));
}

/** Of cells that it made: those that a receipt of an earlier run answered took no time. Parts of a cell tell of the same. */
function timesOf({ workspaceRoot, cells, since, ran }: EndedRun): CellTime[] {
  return cells
    .filter(({ id }) => ran.has(id))
    .flatMap(({ parts }) => {
      const receipts = parts.flatMap(({ receipt }) => readReceipt(join(workspaceRoot, receipt)) ?? []);
      const made = receipts.filter(({ endedAt }) => Date.parse(endedAt) >= since);
      return made.sort((a, b) => b.runSeconds - a.runSeconds).slice(0, 1);
    });
}

export function causeLines(causes: readonly RootCause[]): string[] {
  return causes.flatMap(({ cell, fault, blocked }) => {
    const shown = blocked.slice(0, SHOWN_CELLS).join(', ');
    const more = blocked.length > SHOWN_CELLS ? `, … (${blocked.length})` : '';
    return [
      `  ${cell} failed: ${fault.split('\n')[0] ?? ''}`,
      ...(blocked.length === 0 ? [] : [`    waiting for it: ${shown}${more}`]),
    ];
  });
}

export function errorLines(errors: readonly FaultRecord[], suite: string): string[] {
  if (errors.length === 0) return [];
  const totals = new Map<string, number>();
  for (const { code } of errors) totals.set(code, (totals.get(code) ?? 0) + 1);
  const counts = [...totals].sort((a, b) => b[1] - a[1]).map(([code, count]) => `${count} ${code}`);
  const again = errors.filter((error) => error.again).length;
  return [
    `  errors in this run: ${counts.join(', ')} (${again} of ${errors.length} tried again); all in ${faultLogPath(suite)}`,
    ...errors
      .slice(-SHOWN_ERRORS)
      .map(({ at, cell, code, message }) => `    ${at} ${cell} ${code}: ${message.split('\n')[0] ?? ''}`),
  ];
}

/** The closing line of a run that the end of its allocation stopped. */
function deadlineLines(cells: readonly PlannedCell[], states: ReadonlyMap<string, CellState>): string[] {
  const left = cells.filter(({ id }) => !isFinished(states.get(id))).length;
  const when = process.env.VALIDATION_DEADLINE ?? 'its deadline';
  return [
    `  the run ended in time before this host is taken away (${when}): ${left} of ${cells.length} cells are left. The same command goes on with them.`,
  ];
}

function pressureLines(workspaceRoot: string, suite: string, since: number): string[] {
  const path = join(workspaceRoot, pressurePath(suite));
  if (!existsSync(path)) return [];
  try {
    const found = JSON.parse(readIfThere(path) ?? '{}') as {
      detected_at?: string;
      free_gb?: number;
      min_free_gb?: number;
    };
    if (Date.parse(found.detected_at ?? '') < since) return [];
    return [
      `  the run ended for want of disk: ${found.free_gb ?? '?'} GiB free, ${found.min_free_gb ?? '?'} GiB stay free (MIN_FREE_DISK_GB).`,
      `    See what can go: npx nx run ${suite}:clean --dry-run. The same command then goes on.`,
    ];
  } catch {
    return [];
  }
}
