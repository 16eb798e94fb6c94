// Intervals of the finding's rates: exact for one model, and over several models no narrower than resampled models.
import type { Rate } from '../statistics/confusion.js';
import { bisect } from '../statistics/bisect.js';
import { drawnModels, percentiles, widest } from '../statistics/resampling.js';
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
  return bisect(0, 1, (p) => rising(p) < target);
}

const DRAWS = 10_000;

/**
 * 95 % percentile interval of the pooled rate when whole models are drawn with replacement. Its draws are the same each
 * time. A draw without a trial is left out.
 */
export function bootstrapOfModels(counts: readonly ModelCount[]): Interval {
  const rates = drawnModels(counts.length, DRAWS).flatMap((draw) => {
    let [hits, of] = [0, 0];
    for (const at of draw) {
      hits += counts[at]?.hits ?? 0;
      of += counts[at]?.of ?? 0;
    }
    return of > 0 ? [hits / of] : [];
  });
  return percentiles(rates) ?? { low: 0, high: 1 };
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
  return { ...pooled, interval: widest([exact, resampled]) };
}
