// How long cells take: what was measured in this run, else an estimate by weights and kind.
import type { CellKind } from '../suite/cell.js';
import { estimatedSeconds } from '../suite/estimate.js';
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
