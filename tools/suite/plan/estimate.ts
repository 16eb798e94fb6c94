// How long a cell takes before anything was measured: fixed cost, and seconds a GiB of weights, by kind.
import type { CellKind } from '../model/cell.js';

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
  calibrate: [20, 700],
  baseline: [20, 700],
  certify: [20, 700],
  guards: [20, 700],
  certify012: [20, 700],
  // 8.1 million tokens.
  eval: [20, 108_000],
  edit: [5, 60],
  inject: [5, 10],
};

/**
 * Seconds of one unit of the kind (an edit, a benchmark of usual size, else a cell) on a model of so many GiB.
 *
 * @param onCpu no GPU is there for the cells that would have one.
 */
export function estimatedSeconds(kind: CellKind, weightsGiB: number, onCpu = false): number {
  const [fixed, perGiB] = (onCpu ? ON_A_CORE[kind] : undefined) ?? SECONDS[kind];
  return fixed + perGiB * weightsGiB;
}
