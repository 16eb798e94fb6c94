// Whole models drawn anew with replacement: the draws, which are the same each time, and the interval that they give.
import type { Interval } from './statistics.js';

const SEED = 20_260_101;
const TAIL = 0.025;

/** So many draws of as many models as there are, each model by its place. */
export function drawnModels(models: number, draws: number): number[][] {
  const random = mulberry32(SEED);
  return Array.from({ length: draws }, () =>
    Array.from({ length: models }, () => Math.floor(random() * models)),
  );
}

/** From the 2.5th to the 97.5th percentile; undefined of no value. */
export function percentiles(values: readonly number[]): Interval | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [TAIL, 1 - TAIL].map((share) => sorted[Math.floor(share * sorted.length)]);
  return low === undefined || high === undefined ? undefined : { low, high };
}

/** As far as any of them reaches. */
export function widest(intervals: readonly Interval[]): Interval {
  return {
    low: Math.min(...intervals.map(({ low }) => low)),
    high: Math.max(...intervals.map(({ high }) => high)),
  };
}

/** A small generator of numbers in [0, 1) with 32 bits of state, the same on every machine. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
