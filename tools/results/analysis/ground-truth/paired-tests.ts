// Tests of paired right and wrong answers: exact McNemar, Holm's adjustment, Tango's score test of a margin.
import { binomialTail, normalCdf } from './distributions.js';

/** Items of which the two arms answered one rightly and one wrongly. */
export interface Discordant {
  /** b: right before, wrong after. */
  lost: number;
  /** c: wrong before, right after. */
  won: number;
  /** All items. */
  n: number;
}

/**
 * Exact one-sided McNemar test of a drop: P(X ≥ b), X binomial of b + c trials at ½. 1 where nothing was lost.
 * Q. McNemar, Psychometrika 12 (1947).
 */
export function mcnemarDrop({ lost, won }: Pick<Discordant, 'lost' | 'won'>): number {
  return binomialTail(lost, lost + won, 0.5);
}

/** Holm's step-down adjustment, in the order given. S. Holm, Scandinavian Journal of Statistics 6 (1979). */
export function holm(pValues: readonly number[]): number[] {
  const order = pValues.map((p, index) => ({ p, index })).sort((a, b) => a.p - b.p || a.index - b.index);
  const adjusted = new Array<number>(pValues.length);
  let largest = 0;
  order.forEach(({ p, index }, rank) => {
    largest = Math.max(largest, Math.min(1, (pValues.length - rank) * p));
    adjusted[index] = largest;
  });
  return adjusted;
}

/**
 * Tango's score statistic for a paired difference: (b − c − nδ) / √(n·(2q + δ(1 − δ))), where q is the restricted
 * maximum-likelihood estimate of the probability of c under a true drop of δ. T. Tango, Statistics in Medicine 17 (1998).
 *
 * @param drop δ, a fraction of 1 between −1 and 1
 */
export function tangoStatistic({ lost, won, n }: Discordant, drop: number): number {
  const a = 2 * n;
  const b = -lost - won + (2 * n - lost + won) * drop;
  const c = -won * drop * (1 - drop);
  const q = (Math.sqrt(Math.max(0, b * b - 4 * a * c)) - b) / (2 * a);
  const variance = n * (2 * q + drop * (1 - drop));
  const numerator = lost - won - n * drop;
  if (variance <= 0) return numerator === 0 ? 0 : Math.sign(numerator) * Infinity;
  return numerator / Math.sqrt(variance);
}

/** One-sided p-value against "the accuracy dropped by `margin` or more": small where such a drop can be ruled out. */
export function marginP(counts: Discordant, margin: number): number {
  return normalCdf(tangoStatistic(counts, margin));
}

export interface MacroDifference {
  /** Mean over the benchmarks of (c − b)/n: below 0 the edit answers worse. */
  difference: number;
  /** √Σ var_j / J with var_j = (b + c + 1 − (b − c)²/n)/n²; the 1 keeps it above 0 where nothing changed. */
  standardError: number;
}

/** Each benchmark weighs the same, whatever its number of items. */
export function macroDifference(benchmarks: readonly Discordant[]): MacroDifference {
  const count = benchmarks.length;
  let difference = 0;
  let variance = 0;
  for (const { lost, won, n } of benchmarks) {
    difference += (won - lost) / n / count;
    variance += (lost + won + 1 - (lost - won) ** 2 / n) / (n * n);
  }
  return { difference, standardError: Math.sqrt(variance) / count };
}
