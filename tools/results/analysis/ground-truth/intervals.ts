// Intervals of the finding's rates: exact for one model, and over several models no narrower than resampled models.
import type { Rate } from '../statistics/confusion.js';
import type { Interval } from '../statistics/statistics.js';
import { betaCdf } from './distributions.js';

/** Hits of trials in one model. */
export interface ModelCount {
  model: string;
  hits: number;
  of: number;
}

const TAIL = 0.025;

/**
 * Clopper and Pearson's exact 95 % interval of k in n. C. J. Clopper, E. S. Pearson, Biometrika 26 (1934).
 * Without a trial nothing is known: 0 to 1.
 */
export function clopperPearson(k: number, n: number): Interval {
  if (n <= 0) return { low: 0, high: 1 };
  return {
    low: k === 0 ? 0 : inverse((p) => betaCdf(p, k, n - k + 1), TAIL),
    high: k === n ? 1 : inverse((p) => betaCdf(p, k + 1, n - k), 1 - TAIL),
  };
}

/** The p at which a rising function of p on 0 to 1 reaches `target`. */
function inverse(rising: (p: number) => number, target: number): number {
  let low = 0;
  let high = 1;
  for (let step = 0; step < 60; step += 1) {
    const middle = (low + high) / 2;
    if (rising(middle) < target) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

const DRAWS = 10_000;
export const SEED = 20_260_101;

/**
 * 95 % percentile interval of the pooled rate when whole models are drawn with replacement. Its draws are the same each
 * time. A draw without a trial is left out.
 */
export function bootstrapOfModels(counts: readonly ModelCount[]): Interval {
  const random = mulberry32(SEED);
  const rates: number[] = [];
  for (let draw = 0; draw < DRAWS; draw += 1) {
    let hits = 0;
    let of = 0;
    counts.forEach(() => {
      const one = counts[Math.floor(random() * counts.length)];
      hits += one?.hits ?? 0;
      of += one?.of ?? 0;
    });
    if (of > 0) rates.push(hits / of);
  }
  if (rates.length === 0) return { low: 0, high: 1 };
  rates.sort((a, b) => a - b);
  const at = (share: number): number =>
    rates[Math.min(rates.length - 1, Math.floor(share * rates.length))] ?? 0;
  return { low: at(TAIL), high: at(1 - TAIL) };
}

/** A small generator of numbers in [0, 1) with 32 bits of state, the same on every machine. */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A rate with its exact interval. */
export function exactRate(hits: number, of: number): Rate {
  return { value: of === 0 ? null : hits / of, interval: clopperPearson(hits, of), hits, of };
}

/**
 * The pooled rate. Of one model its interval is exact. Of several it reaches as far as either the exact interval of the
 * pooled counts or the bootstrap of models: the latter alone says [1, 1] where every model has only hits, however few.
 */
export function modelsRate(counts: readonly ModelCount[]): Rate {
  const hits = counts.reduce((sum, one) => sum + one.hits, 0);
  const of = counts.reduce((sum, one) => sum + one.of, 0);
  const pooled = exactRate(hits, of);
  const exact = pooled.interval;
  const tried = counts.filter((one) => one.of > 0);
  const resampled = tried.length > 1 ? bootstrapOfModels(tried) : exact;
  const interval = { low: Math.min(exact.low, resampled.low), high: Math.max(exact.high, resampled.high) };
  return { ...pooled, interval };
}
