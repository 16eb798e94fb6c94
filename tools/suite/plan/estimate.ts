// How long a cell takes before anything was measured: fixed cost, and seconds a GiB of weights, by kind. And what the time of
// a kind goes with, by which a measured model tells of another.
import { asMapping } from '../../base/json-value.js';
import type { ModelSize } from '../memory/memory.js';
import type { CellKind, CellOptions } from '../model/cell.js';

type Estimate = readonly [fixed: number, perGiB: number];

/**
 * Orders of magnitude for one data-centre GPU, meant to order work and to promise no times: imports and start-up are fixed; the
 * data of the original benchmarks are some 400 small answers of the hub; a download runs at some 250 MB/s, an edit at disk
 * speed. On an H100 a certificate of 2.9 GiB took 30 s, and a calibration of 13.5 GiB less than 145 s; on an H200 a unit of an
 * evaluation takes some 20 s a GiB at the rate of lm-eval's best batch (docs/performance.md), on a B200 less.
 */
const SECONDS: Record<CellKind, Estimate> = {
  data: [240, 0],
  setup: [30, 4],
  calibrate: [30, 8],
  preset: [5, 0],
  baseline: [30, 8],
  eval: [30, 15],
  edit: [20, 3],
  inject: [20, 2],
  certify: [30, 8],
  adopt: [30, 8],
  guards: [30, 8],
  regression: [5, 0],
  certify012: [30, 8],
  // Nobody knows what a program does: a quantization that calibrates is some minutes for a small model.
  program: [120, 30],
};

/**
 * On one core, by what SmolLM2-135M took on one that multiplies bfloat16 itself (docs/performance.md): 190 s a certificate,
 * some 80 GFLOP/s, which is what others reach in float32 (validation/compute/cpu_products.py).
 */
const ON_A_CORE: Partial<Record<CellKind, Estimate>> = {
  setup: [5, 20],
  calibrate: [5, 700],
  baseline: [5, 700],
  certify: [5, 700],
  guards: [5, 700],
  certify012: [5, 700],
  // 8.1 million tokens.
  eval: [20, 108_000],
  edit: [2, 60],
  inject: [2, 10],
};

/**
 * Seconds of one unit of the kind (an edit, a benchmark of usual size, else a cell) on a model of so many GiB.
 *
 * @param onCpu no GPU is there for the cells that would have one.
 * @param work see `workOf`, where the cell is known: it tells how long InvarLock's windows take a core.
 */
export function estimatedSeconds(kind: CellKind, weightsGiB: number, onCpu = false, work = 0): number {
  const [fixed, perGiB] = (onCpu ? ON_A_CORE[kind] : undefined) ?? SECONDS[kind];
  return fixed + (onCpu && work > 0 && GOES_WITH[kind] === 'windows' ? work : perGiB * weightsGiB);
}

/** What the time of a kind goes with: stored weights, those that a token goes through, InvarLock's windows, or no model. */
const GOES_WITH: Record<CellKind, 'stored' | 'active' | 'windows' | 'nothing'> = {
  data: 'nothing',
  setup: 'stored',
  calibrate: 'windows',
  preset: 'nothing',
  baseline: 'windows',
  eval: 'active',
  edit: 'stored',
  inject: 'stored',
  certify: 'windows',
  adopt: 'stored',
  guards: 'windows',
  regression: 'nothing',
  certify012: 'windows',
  program: 'stored',
};

/** InvarLock's forward passes of a window, all its evaluations and guards together; fewer without its check of their overhead. */
const PASSES = 2.2;
const PASSES_UNCHECKED = 1.2;

interface Pace {
  /** Milliseconds of a layer in a pass, however few its tokens and weights are: a GPU waits for Python. */
  layer: number;
  /** Milliseconds of a thousand tokens through a GiB. */
  compute: number;
  /** Whether a layer computes while Python makes the next one. */
  overlaps: boolean;
  /** Seconds to load a GiB, and to look at it whole. */
  load: number;
}

/** An H200 (models of 0.5B to 3.8B) and one core (14M, 54M, SmolLM2-135M): docs/performance.md. */
const ON_GPU: Pace = { layer: 1.9, compute: 2.4, overlaps: true, load: 0.5 };
const ON_CORE: Pace = { layer: 4.7, compute: 4_700, overlaps: false, load: 0 };

/** On a GPU: GiB that would take as long as starting the GPU takes an edit, and laying out its requests an evaluation. */
const BEFORE_A_GPU: Partial<Record<CellKind, number>> = { edit: 2, eval: 3 };

/**
 * What a cell's time goes with once its process has started: twice as much takes twice as long, on the same kind of device.
 * Seconds of InvarLock's cells on an H200 or a core, GiB of others; 1 where the model does not matter.
 */
export function workOf(
  { kind, parts }: Pick<CellOptions, 'kind' | 'parts'>,
  size: ModelSize,
  onCpu: boolean,
): number {
  const before = onCpu ? 0 : (BEFORE_A_GPU[kind] ?? 0);
  switch (GOES_WITH[kind]) {
    case 'stored':
      return size.storedGiB + before;
    case 'active':
      return size.activeGiB + before;
    case 'windows':
      return windowSeconds(asMapping(parts[0]?.spec.invarlock) ?? {}, size, onCpu ? ON_CORE : ON_GPU);
    case 'nothing':
      return 1;
  }
}

function windowSeconds(settings: Record<string, unknown>, size: ModelSize, pace: Pace): number {
  const number = (key: string, otherwise: number): number => {
    const value = settings[key];
    return typeof value === 'number' ? value : otherwise;
  };
  const windows = number('preview', 200) + number('final', 200);
  const passes = windows * (settings.skip_overhead_check === true ? PASSES_UNCHECKED : PASSES);
  const layers = pace.layer * size.layers;
  const compute = (pace.compute * size.activeGiB * number('seq_len', 512)) / 1_000;
  const pass = pace.overlaps ? Math.max(layers, compute) : layers + compute;
  return (passes * pass) / 1_000 + pace.load * size.storedGiB;
}
