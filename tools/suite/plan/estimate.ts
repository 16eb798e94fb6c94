// How long a cell takes before anything was measured: fixed cost, and seconds a GiB of weights, by kind.
import type { CellKind } from '../model/cell.js';

/**
 * Orders of magnitude for one data-centre GPU, meant to order work and to promise no times: imports and start-up
 * are fixed; the data of the original benchmarks are some 400 small answers of the hub; a download runs at some 250 MB/s, an edit at disk speed, an evaluation reads all weights for every batch.
 */
const SECONDS: Record<CellKind, readonly [fixed: number, perGiB: number]> = {
  data: [240, 0],
  setup: [30, 4],
  calibrate: [60, 8],
  preset: [5, 0],
  baseline: [60, 8],
  eval: [60, 15],
  edit: [20, 3],
  inject: [20, 2],
  certify: [60, 12],
  adopt: [30, 8],
  guards: [60, 8],
  regression: [5, 0],
  certify012: [60, 12],
  // Nobody knows what a program does: a quantization that calibrates is some minutes for a small model.
  program: [120, 30],
};

/** Seconds of one unit of the kind (an edit, a benchmark of usual size, else a cell) on a model of so many GiB. */
export function estimatedSeconds(kind: CellKind, weightsGiB: number): number {
  const [fixed, perGiB] = SECONDS[kind];
  return fixed + perGiB * weightsGiB;
}
