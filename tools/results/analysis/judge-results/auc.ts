// How well a score tells harmful from harmless variants at any limit: the area under its ROC curve, with its interval.
import { NORMAL_95 } from '../ground-truth/distributions.js';
import { bisect } from '../statistics/bisect.js';
import { drawnModels, percentiles, widest } from '../statistics/resampling.js';
import type { Interval } from '../statistics/statistics.js';

export interface Scored {
  model: string;
  /** Higher is worse; may be infinite. */
  score: number;
  harmful: boolean;
}

export interface Auc {
  /** P(a harmful variant scores higher than a harmless one), ties counted half. */
  value: number;
  interval: Interval;
  harmful: number;
  harmless: number;
}

const DRAWS = 2_000;

/**
 * Null without a harmful and a harmless variant. The interval reaches as far as any of: DeLong's; Newcombe's score-like
 * fifth method, which still says something where DeLong's variance is 0; over several models, whole models drawn anew.
 */
export function auc(variants: readonly Scored[]): Auc | null {
  const harmful = variants.filter((one) => one.harmful);
  const harmless = variants.filter((one) => !one.harmful);
  if (harmful.length === 0 || harmless.length === 0) return null;
  const value = areaOf(harmful, harmless);
  const { low, high } = widest([
    newcombe(value, harmful.length, harmless.length),
    ...(harmful.length > 1 && harmless.length > 1 ? [delong(harmful, harmless)] : []),
    ...byModels(harmful, harmless),
  ]);
  const interval = { low: Math.max(0, low), high: Math.min(1, high) };
  return { value, interval, harmful: harmful.length, harmless: harmless.length };
}

function wins(one: number, other: number): number {
  return one > other ? 1 : one === other ? 0.5 : 0;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function areaOf(harmful: readonly Scored[], harmless: readonly Scored[]): number {
  return won(harmful, harmless) / (harmful.length * harmless.length);
}

function won(harmful: readonly Scored[], harmless: readonly Scored[]): number {
  return sum(harmful.map(({ score }) => sum(harmless.map((other) => wins(score, other.score)))));
}

/** E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, Biometrics 44 (1988): the variance of the placements. */
export function delong(harmful: readonly Scored[], harmless: readonly Scored[]): Interval {
  const value = areaOf(harmful, harmless);
  const ofHarmful = harmful.map((one) => areaOf([one], harmless));
  const ofHarmless = harmless.map((one) => areaOf(harmful, [one]));
  const variance = (placements: readonly number[]): number =>
    sum(placements.map((one) => (one - value) ** 2)) / (placements.length - 1) / placements.length;
  const half = NORMAL_95 * Math.sqrt(variance(ofHarmful) + variance(ofHarmless));
  return { low: value - half, high: value + half };
}

/**
 * The areas θ with |θ − θ̂| = z·√V(θ), V(θ) = θ(1 − θ)·(1 + N(1 − θ)/(2 − θ) + Nθ/(1 + θ)) / (mn), N = (m + n)/2 − 1.
 * R. G. Newcombe, Statistics in Medicine 25 (2006), method 5.
 */
export function newcombe(value: number, harmful: number, harmless: number): Interval {
  const n = (harmful + harmless) / 2 - 1;
  const reach = (theta: number): number =>
    NORMAL_95 *
    Math.sqrt(
      (theta * (1 - theta) * (1 + (n * (1 - theta)) / (2 - theta) + (n * theta) / (1 + theta))) /
        (harmful * harmless),
    );
  return {
    low: bisect(0, value, (theta) => value - theta > reach(theta)),
    high: bisect(1, value, (theta) => theta - value > reach(theta)),
  };
}

/** Percentiles of whole models drawn with replacement; draws without a harmful or a harmless variant are left out. */
function byModels(harmful: readonly Scored[], harmless: readonly Scored[]): Interval[] {
  const models = [...new Set([...harmful, ...harmless].map(({ model }) => model))];
  if (models.length < 2) return [];
  const of = (ones: readonly Scored[]): Scored[][] =>
    models.map((model) => ones.filter((one) => one.model === model));
  const [bad, good] = [of(harmful), of(harmless)];
  const won2 = bad.map((some) => good.map((others) => won(some, others)));
  const areas = drawnModels(models.length, DRAWS).flatMap((draw) => {
    const times = models.map((_, at) => draw.filter((one) => one === at).length);
    const weigh = (groups: readonly Scored[][]): number =>
      sum(groups.map((group, at) => (times[at] ?? 0) * group.length));
    const pairs = weigh(bad) * weigh(good);
    const points = sum(
      won2.map((row, i) => sum(row.map((one, j) => one * (times[i] ?? 0) * (times[j] ?? 0)))),
    );
    return pairs > 0 ? [points / pairs] : [];
  });
  const interval = percentiles(areas);
  return interval === undefined ? [] : [interval];
}
