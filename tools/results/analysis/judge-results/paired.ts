// Two judges on the same variants: exact McNemar test of who is right more often, and the interval of the difference.
import { binomialTail } from '../ground-truth/distributions.js';
import { mulberry32, SEED } from '../ground-truth/intervals.js';
import { tangoStatistic } from '../ground-truth/paired-tests.js';
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

const Z95 = 1.959963984540054;
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
  const where = (outer: number, beyond: (statistic: number) => boolean): number => {
    let [out, inside] = [outer, estimate];
    for (let step = 0; step < 60; step += 1) {
      const middle = (out + inside) / 2;
      if (beyond(tangoStatistic({ lost: b, won: c, n }, middle))) out = middle;
      else inside = middle;
    }
    return (out + inside) / 2;
  };
  return {
    low: where(-1, (statistic) => statistic > Z95),
    high: where(1, (statistic) => statistic < -Z95),
  };
}

function widest(intervals: readonly Interval[]): Interval {
  return {
    low: Math.min(...intervals.map(({ low }) => low)),
    high: Math.max(...intervals.map(({ high }) => high)),
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
  const random = mulberry32(SEED);
  const differences: number[] = [];
  for (let draw = 0; draw < DRAWS; draw += 1) {
    let [n, net] = [0, 0];
    counts.forEach(() => {
      const drawn = counts[Math.floor(random() * counts.length)];
      n += drawn?.n ?? 0;
      net += drawn?.net ?? 0;
    });
    differences.push(net / n);
  }
  differences.sort((a, b) => a - b);
  const at = (share: number): number => differences[Math.floor(share * differences.length)] ?? 0;
  return [{ low: at(0.025), high: at(0.975) }];
}
