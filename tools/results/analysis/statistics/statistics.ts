// Intervals, correlation and confidence score of a verdict. Formulas: docs/formulas.md#intervals-correlation-confidence.

export interface Interval {
  low: number;
  high: number;
}

/** Two-sided 95 % normal quantile as the original script rounds it. */
const Z95 = 1.96;

/**
 * Wilson score interval, 95 %, of a proportion of k in n (both counts; bounds are fractions of 1):
 * (p̂ + z²/2n ± z·√(p̂(1−p̂)/n + z²/4n²)) / (1 + z²/n). E. B. Wilson, JASA 22 (1927).
 * Without a trial nothing is known: [0, 1]. (The original script says [0, 0] there, which would count as certainty.)
 */
export function wilson(k: number, n: number): Interval {
  if (n <= 0) return { low: 0, high: 1 };
  const p = k / n;
  const z2n = (Z95 * Z95) / n;
  const half = Z95 * Math.sqrt((p * (1 - p)) / n + z2n / (4 * n));
  return {
    low: k === 0 ? 0 : Math.max(0, (p + z2n / 2 - half) / (1 + z2n)),
    high: k === n ? 1 : Math.min(1, (p + z2n / 2 + half) / (1 + z2n)),
  };
}

/**
 * 95 % interval of F1 = 2·TP / (2·TP + FP + FN). F1 is no proportion, but 2q/(1+q) of one, q = TP / (TP + FP + FN),
 * and rises with it: so the bounds are those of q's Wilson interval, mapped.
 */
export function wilsonF1(tp: number, fp: number, fn: number): Interval {
  const q = wilson(tp, tp + fp + fn);
  return { low: (2 * q.low) / (1 + q.low), high: (2 * q.high) / (1 + q.high) };
}

/** Pearson's r of pairs (no unit); null with fewer than two pairs or when one side does not vary. */
export function pearson(points: readonly (readonly [number, number])[]): number | null {
  if (points.length < 2) return null;
  const meanX = mean(points.map(([x]) => x));
  const meanY = mean(points.map(([, y]) => y));
  let xy = 0;
  let xx = 0;
  let yy = 0;
  for (const [x, y] of points) {
    xy += (x - meanX) * (y - meanY);
    xx += (x - meanX) ** 2;
    yy += (y - meanY) ** 2;
  }
  // Rounding may put a perfect line just outside of ±1.
  return xx > 0 && yy > 0 ? Math.max(-1, Math.min(1, xy / Math.sqrt(xx * yy))) : null;
}

/** Arithmetic mean; NaN of nothing. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

export interface ConfidenceScore {
  /** 0 to 100, the sum of the parts. */
  score: number;
  /** 0 to 25 points each. */
  parts: { samples: number; errors: number; accuracy: number; balance: number };
}

/**
 * Confidence score, 0–100 points: min(25, 25·ln(1+tests)/ln 65) + min(25, 25·ln(1+errors)/ln 17)
 * + 25·(1 − width of the accuracy interval) + 25·F1.
 * `tests` counts judged edits, `errors` judged injections: repeated runs of one edit are one test.
 */
export function confidenceScore(of: {
  tests: number;
  errors: number;
  accuracy: Interval;
  /** Null (nothing to find and nothing found) scores nothing. */
  f1: number | null;
}): ConfidenceScore {
  const parts = {
    samples: Math.min(25, (25 * Math.log1p(of.tests)) / Math.log(65)),
    errors: Math.min(25, (25 * Math.log1p(of.errors)) / Math.log(17)),
    accuracy: 25 * (1 - (of.accuracy.high - of.accuracy.low)),
    balance: 25 * (of.f1 ?? 0),
  };
  const score = parts.samples + parts.errors + parts.accuracy + parts.balance;
  return { score, parts };
}
