// How long cells take: what was measured in this run, else an estimate by weights and kind.
import { weightedMedian } from './median.js';
import type { CellKind } from '../../../suite/model/cell.js';
import { estimatedSeconds } from '../../../suite/plan/estimate.js';
import type { Progress, Standing } from './state.js';

/** How long a unit of a kind took on a model of some size. */
export interface Rate {
  /** See `workOf`. */
  work: number;
  seconds: number;
  /** Of them those that do not go with the model's size. */
  startSeconds: number;
}

/** Rates by kind, one a model. */
export type Rates = Partial<Record<CellKind, readonly Rate[]>>;

type Known =
  | (Pick<Progress, 'seconds'> & {
      rates?: Rates;
      /** Nothing has a GPU. */
      onCpu?: boolean;
    })
  | undefined;

/**
 * Seconds a unit of the kind takes on the model: as measured on it, else on another in proportion, else estimated.
 *
 * @param work see `workOf`; without, no other model tells.
 */
export function unitSeconds(
  kind: CellKind,
  { model, weightsGiB, work = 0 }: Pick<Standing, 'model' | 'weightsGiB'> & { work?: number },
  known: Known,
): number {
  const scaled = (): number | undefined =>
    work > 0 ? inProportion(work, known?.rates?.[kind] ?? []) : undefined;
  return (
    known?.seconds[`${model}/${kind}`] ?? scaled() ?? estimatedSeconds(kind, weightsGiB, known?.onCpu, work)
  );
}

/** By the model whose work is nearest. */
function inProportion(work: number, rates: readonly Rate[]): number | undefined {
  const distance = (rate: Rate): number => Math.abs(Math.log(rate.work / work));
  const [nearest] = rates.toSorted((a, b) => distance(a) - distance(b));
  if (nearest === undefined) return undefined;
  const start = Math.min(nearest.startSeconds, nearest.seconds);
  return start + (nearest.seconds - start) * (work / nearest.work);
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
  /** See `workOf`; 0: the model's size is not known, and it tells nothing of others. */
  work: number;
  /** As the receipts of its parts have them: each tells how long all that were made together took. */
  runSeconds: readonly number[];
  /** Likewise, and fewer where receipts do not tell. */
  startSeconds: readonly number[];
}

/** Median seconds of a unit by `model/kind`, as `Progress` has them. */
export function medianUnitSeconds(cells: readonly MeasuredCell[]): Progress['seconds'] {
  return medians(cells, ({ runSeconds }) => runSeconds);
}

export interface Measured {
  /** Median seconds of a unit by `model/kind`. */
  seconds: Progress['seconds'];
  /** What each measured model tells of another size. */
  rates: Rates;
}

export function measuredOf(cells: readonly MeasuredCell[]): Measured {
  const seconds = medianUnitSeconds(cells);
  const starts = medians(cells, ({ startSeconds }) => startSeconds);
  const works = new Map(cells.map(({ model, kind, work }) => [`${model}/${kind}`, work]));
  const rates: Partial<Record<CellKind, Rate[]>> = {};
  for (const [key, unit] of Object.entries(seconds)) {
    const kind = key.slice(key.lastIndexOf('/') + 1) as CellKind;
    const rate = { work: works.get(key) ?? 0, seconds: unit, startSeconds: starts[key] ?? 0 };
    if (rate.work > 0 && unit > 0) (rates[kind] ??= []).push(rate);
  }
  return { seconds, rates };
}

/** Each cell counts as many times as it has units: of evaluations the large ones decide, whose start is little of them. */
function medians(
  cells: readonly MeasuredCell[],
  told: (cell: MeasuredCell) => readonly number[],
): Record<string, number> {
  const found = new Map<string, { value: number; weight: number }[]>();
  for (const cell of cells) {
    const { model, kind, units } = cell;
    const seconds = told(cell);
    if (seconds.length === 0) continue;
    const mean = seconds.reduce((sum, one) => sum + one, 0) / seconds.length;
    const key = `${model}/${kind}`;
    const weight = kind === 'edit' ? seconds.length : units;
    found.set(key, [...(found.get(key) ?? []), { value: mean / weight, weight }]);
  }
  return Object.fromEntries([...found].map(([key, values]) => [key, weightedMedian(values)]));
}
