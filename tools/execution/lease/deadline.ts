// The end of this host for a run (of its Slurm allocation, say): which cells begin no more, and when running ones are ended.
import { Fault } from '../../base/fault.js';
import { estimatedSeconds } from '../../suite/plan/estimate.js';
import type { SiteSettings } from '../../suite/settings/settings.js';
import type { LockDirectory } from './directory/lock-directory.js';
import { readProgress, runName, toProgress } from './directory/progress-record.js';
import type { Progress, Standing } from './policy/state.js';

type Settings = Pick<SiteSettings, 'deadline' | 'deadlineMarginSeconds'>;

/** Seconds that must be left for a cell of which nothing is measured: its estimate is rough, and may be far too long. */
const MOST_UNMEASURED = 1_800;
/** setTimeout takes no more (24 days). */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** When running cells are ended, in milliseconds since the epoch; Infinity without a deadline. */
export function cutMs({ deadline, deadlineMarginSeconds }: Settings): number {
  return deadline === null ? Infinity : Date.parse(deadline) - deadlineMarginSeconds * 1_000;
}

/** The signal, which aborts at the cut too. */
export function untilCut(settings: Settings, signal: AbortSignal): AbortSignal {
  const leftMs = cutMs(settings) - Date.now();
  if (leftMs > LONGEST_TIMER_MS) return signal;
  // Not AbortSignal.timeout: nobody would hold it, and what is collected aborts nothing.
  const cut = new AbortController();
  setTimeout(
    () => {
      cut.abort();
    },
    Math.max(0, leftMs),
  ).unref();
  return AbortSignal.any([signal, cut.signal]);
}

/** The fault of a cell that was running or waiting at the cut. */
export function cutFault({ deadline }: Settings): Fault {
  return new Fault('deadline', `ended in time before ${deadline ?? ''}, when this host is taken away`);
}

/** @throws Fault when the cell would not end before the cut. */
export function requireTime(
  settings: Settings,
  { directory, workspaceRoot }: { directory: LockDirectory; workspaceRoot: string },
  standing: Standing,
): void {
  if (settings.deadline === null) return;
  const record = readProgress(directory, runName(workspaceRoot, standing.suite));
  const known = record === undefined ? undefined : toProgress(record);
  const late = lateReason(cutMs(settings) - Date.now(), standing, known);
  if (late !== undefined) throw new Fault('deadline', `not started: ${late}, at ${settings.deadline}`);
}

/** Why a cell does not begin with so much time left; undefined when it may. Pure. */
export function lateReason(
  leftMs: number,
  { kind, model, units, weightsGiB }: Pick<Standing, 'kind' | 'model' | 'units' | 'weightsGiB'>,
  known: Pick<Progress, 'seconds'> | undefined,
): string | undefined {
  const measured = known?.seconds[`${model}/${kind}`];
  const needed =
    measured === undefined || Number.isNaN(measured)
      ? Math.min(units * estimatedSeconds(kind, weightsGiB), MOST_UNMEASURED)
      : units * measured;
  const left = leftMs / 1_000;
  if (left > 0 && needed <= left) return undefined;
  const how = measured === undefined ? 'estimated' : 'as measured';
  return left <= 0
    ? 'this host is taken away'
    : `it takes ${Math.ceil(needed)} s (${how}), and ${Math.floor(left)} s are left before this host is taken away`;
}
