// How much GPU memory a cell needs, planned from the model's size class before the download.
// Formulas: docs/formulas.md#before-the-download-by-name.
import type { CellKind, SizeClass } from '../model/cell.js';

/**
 * Weights in GiB by size class, as in the original script. `tiny` is this suite's own, and mostly what a process
 * takes of a GPU before its first tensor.
 */
const BASE_GIB: Record<SizeClass, number> = {
  tiny: 1.75,
  '7b': 14,
  '13b': 26,
  '30b': 64,
  '40b': 80,
  moe: 90,
  '70b': 140,
};

/** Share of the weights a cell of each kind needs: below 70B, and from 70B on. */
const MULTIPLIER: Record<CellKind, readonly [small: number, large: number]> = {
  data: [0, 0],
  setup: [1, 1],
  calibrate: [1.1, 1.05],
  preset: [0.1, 0.1],
  baseline: [1.1, 1.05],
  eval: [1.2, 1.1],
  edit: [1.5, 1.2],
  inject: [1.3, 1.15],
  certify: [1.1, 1.05],
};

/**
 * Kinds that run on an accelerator where there is one; the others take a CPU slot only. An edit of a large model would
 * take days on one core for its low ranks alone. Errors stay: four of the five change one matrix, the fifth is as fast
 * as its reading and its proof.
 */
const ON_ACCELERATOR: ReadonlySet<CellKind> = new Set<CellKind>([
  'calibrate',
  'baseline',
  'eval',
  'edit',
  'certify',
]);

export function usesAccelerator(kind: CellKind): boolean {
  return ON_ACCELERATOR.has(kind);
}

/** GiB a cell needs in all: base × multiplier × safety margin (1.10; 1.05 from 70B on). */
export function requiredGiB(kind: CellKind, sizeClass: SizeClass): number {
  const large = sizeClass === '70b';
  return BASE_GIB[sizeClass] * MULTIPLIER[kind][large ? 1 : 0] * (large ? 1.05 : 1.1);
}

/** What a benchmark's task or the windows' dataset take of the disk; the largest of the original's are some 70 MB. */
const DATA_GIB = 0.125;

/** What a cell puts into the store for each of its parts, by class, until its own files are known. */
export function storedGiB({ kind, sizeClass }: { kind: CellKind; sizeClass: SizeClass }): number {
  return kind === 'data' ? DATA_GIB : weightsGiB(sizeClass);
}

/** Weights in GiB, by class: what counts until a model's own files are known. */
export function weightsGiB(sizeClass: SizeClass): number {
  // What a tiny model takes of a GPU is mostly no weights.
  return sizeClass === 'tiny' ? 0.05 : BASE_GIB[sizeClass];
}
