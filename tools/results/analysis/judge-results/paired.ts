// Two judges on the same variants: exact McNemar test of who is right more often, and the interval of the difference.
import { binomialTail, NORMAL_95 } from '../ground-truth/distributions.js';
import { tangoStatistic } from '../ground-truth/paired-tests.js';
import { bisect } from '../statistics/bisect.js';
import { drawnModels, percentiles, widest } from '../statistics/resampling.js';
import type { Interval } from '../statistics/statistics.js';

/** Who was right about one variant that is known to be harmful or harmless. */
export interface Rightness {
  model: string;
  one: boolean;
  other: boolean;
}

export interface Paired {
  /** Variants that both have judged. */
  n: number;
  /** Both judged alike, rightly or wrongly. */
  alike: number;
  /** Only the first was right; only the second. */
  onlyOne: number;
  onlyOther: number;
  /** Two-sided. */
  p: number;
  /** (only the first − only the second) ÷ n, a fraction of 1; null of no variant. */
  difference: number | null;
  interval: Interval;
}

const DRAWS = 2_000;

export function paired(variants: readonly Rightness[]): Paired {
  const n = variants.length;
  const onlyOne = variants.filter(({ one, other }) => one && !other).length;
  const onlyOther = variants.filter(({ one, other }) => other && !one).length;
  return {
    n,
    alike: n - onlyOne - onlyOther,
    onlyOne,
    onlyOther,
    p: mcnemarTwoSided(onlyOne, onlyOther),
    difference: n === 0 ? null : (onlyOne - onlyOther) / n,
    interval:
      n === 0 ? { low: -1, high: 1 } : widest([tangoInterval(onlyOne, onlyOther, n), ...byModels(variants)]),
  };
}

/** Exact: twice the tail of a binomial of b + c trials at ½, at most 1. Q. McNemar, Psychometrika 12 (1947). */
export function mcnemarTwoSided(b: number, c: number): number {
  return b === c ? 1 : Math.min(1, 2 * binomialTail(Math.max(b, c), b + c, 0.5));
}

/** 95 % score interval of (b − c)/n: the differences that Tango's test does not reject. T. Tango, Statistics in Medicine 17 (1998). */
export function tangoInterval(b: number, c: number, n: number): Interval {
  const estimate = (b - c) / n;
  // The statistic falls as the supposed difference rises.
  const where = (outer: number, beyond: (statistic: number) => boolean): number =>
    bisect(outer, estimate, (middle) => beyond(tangoStatistic({ lost: b, won: c, n }, middle)));
  return {
    low: where(-1, (statistic) => statistic > NORMAL_95),
    high: where(1, (statistic) => statistic < -NORMAL_95),
  };
}

/** Percentiles of whole models drawn with replacement. */
function byModels(variants: readonly Rightness[]): Interval[] {
  const models = [...new Set(variants.map(({ model }) => model))];
  if (models.length < 2) return [];
  const counts = models.map((model) => {
    const ones = variants.filter((one) => one.model === model);
    return {
      n: ones.length,
      net: ones.reduce((sum, { one, other }) => sum + Number(one) - Number(other), 0),
    };
  });
  const differences = drawnModels(models.length, DRAWS).map((draw) => {
    let [n, net] = [0, 0];
    for (const at of draw) {
      n += counts[at]?.n ?? 0;
      net += counts[at]?.net ?? 0;
    }
    return net / n;
  });
  const interval = percentiles(differences);
  return interval === undefined ? [] : [interval];
}
