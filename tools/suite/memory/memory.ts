// How much GPU memory a cell needs, planned before the download, from the size of the model’s files or its size class.
// Formulas: docs/formulas.md#before-the-download-by-the-size-at-the-source-or-by-name.
import type { CellKind, CellOptions, SizeClass } from '../model/cell.js';

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
  adopt: [1.0, 1.0],
  guards: [1.1, 1.05],
  regression: [0.1, 0.1],
  certify012: [1.1, 1.05],
  program: [2, 2],
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
  'guards',
  'certify012',
]);

export function usesAccelerator(kind: CellKind): boolean {
  return ON_ACCELERATOR.has(kind);
}

/** The same of a cell: a program runs where suite.yaml has asked for it. */
export function runsOnAccelerator(cell: Pick<CellOptions, 'kind' | 'parts'>): boolean {
  return usesAccelerator(cell.kind) || gpusAsked(cell) > 0;
}

/** GPUs that a program is to have, whole ones. */
export function gpusAsked({ kind, parts }: Pick<CellOptions, 'kind' | 'parts'>): number {
  const gpus = kind === 'program' ? parts[0]?.spec.gpus : 0;
  return typeof gpus === 'number' ? gpus : 0;
}

/**
 * GiB a cell needs in all: base × multiplier × safety margin (1.10; 1.05 from 70B on).
 *
 * @param sourceGiB the size of the model's files, where it is known: it then stands for the class's, and no less than a
 * process takes of a GPU.
 */
export function requiredGiB(kind: CellKind, sizeClass: SizeClass, sourceGiB?: number): number {
  const large = sizeClass === '70b';
  const base = sourceGiB === undefined ? BASE_GIB[sizeClass] : Math.max(BASE_GIB.tiny, sourceGiB);
  return base * MULTIPLIER[kind][large ? 1 : 0] * (large ? 1.05 : 1.1);
}

/** What a benchmark's task or the windows' dataset take of the disk; the largest of the original's are some 70 MB. */
const DATA_GIB = 0.125;

/** A cell as far as its size goes, before anything of its model is there. */
export interface SizedCell {
  kind: CellKind;
  sizeClass: SizeClass;
  /** The model's files at the hub or in its directory; undefined where nobody told their sizes. */
  sourceGiB?: number | undefined;
}

/** What a cell puts into the store for each of its parts, until its own files are known. */
export function storedGiB({ kind, sizeClass, sourceGiB }: SizedCell): number {
  return kind === 'data' ? DATA_GIB : (sourceGiB ?? weightsGiB(sizeClass));
}

/** Weights in GiB, by class: what counts until a model's own files are known. */
export function weightsGiB(sizeClass: SizeClass): number {
  // What a tiny model takes of a GPU is mostly no weights.
  return sizeClass === 'tiny' ? 0.05 : BASE_GIB[sizeClass];
}

/** Of Mixtral's 47 billion weights a token goes through 13. */
const ACTIVE_SHARE: Partial<Record<SizeClass, number>> = { moe: 0.28 };

/** What times of a model's cells go with. */
export interface ModelSize {
  storedGiB: number;
  /** What a token goes through. */
  activeGiB: number;
  layers: number;
}

/** As models of these sizes mostly have them, until the model's own profile tells. */
const LAYERS: Record<SizeClass, number> = {
  tiny: 24,
  '7b': 32,
  '13b': 40,
  '30b': 60,
  '40b': 60,
  moe: 32,
  '70b': 80,
};

/** Of a model that is known better than by its size class: by its profile, or by what it is made of. */
export interface KnownSize {
  weightsGiB: number;
  /** What a token goes through. */
  activeGiB: number;
  layers: number;
}

export function modelSize(
  { sizeClass, sourceGiB }: Pick<SizedCell, 'sizeClass' | 'sourceGiB'>,
  known: KnownSize | undefined,
): ModelSize {
  return {
    storedGiB: known?.weightsGiB ?? sourceGiB ?? weightsGiB(sizeClass),
    activeGiB: known?.activeGiB ?? activeGiB(sizeClass, sourceGiB),
    layers: known?.layers ?? LAYERS[sizeClass],
  };
}

/** What a token of the model goes through, in GiB: what its time goes with, until its own files are known. */
export function activeGiB(sizeClass: SizeClass, weights = weightsGiB(sizeClass)): number {
  return weights * (ACTIVE_SHARE[sizeClass] ?? 1);
}
