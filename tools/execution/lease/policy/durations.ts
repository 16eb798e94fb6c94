// How long cells take: what was measured in this run, else an estimate by weights and kind.
import { median } from './median.js';
import type { CellKind } from '../../../suite/model/cell.js';
import { estimatedSeconds } from '../../../suite/plan/estimate.js';
import type { Progress, Standing } from './state.js';

type Known = Pick<Progress, 'seconds'> | undefined;

/** Seconds a unit of the kind takes on the model: as measured in this run, else estimated. */
export function unitSeconds(
  kind: CellKind,
  { model, weightsGiB }: Pick<Standing, 'model' | 'weightsGiB'>,
  known: Known,
): number {
  return known?.seconds[`${model}/${kind}`] ?? estimatedSeconds(kind, weightsGiB);
}

/** Seconds from the start of this cell to the end of the longest chain that follows it. */
export function remainingSeconds(standing: Standing, known: Known): number {
  const tails = standing.chains.map((chain) =>
    chain.reduce((sum, [kind, units]) => sum + units * unitSeconds(kind, standing, known), 0),
  );
  return standing.units * unitSeconds(standing.kind, standing, known) + Math.max(0, ...tails);
}

/** A cell of which something was measured. */
export interface MeasuredCell {
  model: string;
  kind: CellKind;
  /** See `unitsOf`. */
  units: number;
  /** As the receipts of its parts have them: each tells how long all that were made together took. */
  runSeconds: readonly number[];
}

/** Median seconds of a unit by `model/kind`, as `Progress` has them. */
export function medianUnitSeconds(cells: readonly MeasuredCell[]): Progress['seconds'] {
  const seconds = new Map<string, number[]>();
  for (const { model, kind, units, runSeconds } of cells) {
    if (runSeconds.length === 0) continue;
    const mean = runSeconds.reduce((sum, one) => sum + one, 0) / runSeconds.length;
    const key = `${model}/${kind}`;
    const made = kind === 'edit' ? runSeconds.length : units;
    seconds.set(key, [...(seconds.get(key) ?? []), mean / made]);
  }
  return Object.fromEntries([...seconds].map(([key, values]) => [key, median(values)]));
}
