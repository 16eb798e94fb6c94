import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  confidenceScore,
  mean,
  pearson,
  wilson,
  wilsonF1,
} from '../../../../tools/results/analysis/statistics/statistics.js';

describe('wilson', () => {
  // 9 of 11, z = 1.96: p = 0.818182, z²/n = 0.349236, half = 1.96·√(0.0135237 + 0.0079372) = 0.287132;
  // (0.818182 + 0.174618 ∓ 0.287132) / 1.349236.
  test.each([
    [9, 11, 0.523015, 0.948637],
    [5, 10, 0.236588, 0.763412],
    [0, 10, 0, 3.8416 / 13.8416],
    [10, 10, 10 / 13.8416, 1],
    [1, 1, 0.206543, 1],
  ])('%i of %i', (k, n, low, high) => {
    expect(wilson(k, n).low).toBeCloseTo(low, 5);
    expect(wilson(k, n).high).toBeCloseTo(high, 5);
  });

  test('without a trial nothing is known', () => {
    expect(wilson(0, 0)).toEqual({ low: 0, high: 1 });
  });

  test('holds the proportion, mirrors, and narrows with n', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (n, share) => {
          const k = Math.round(share * n);
          const { low, high } = wilson(k, n);
          const mirror = wilson(n - k, n);
          expect(low).toBeGreaterThanOrEqual(0);
          expect(high).toBeLessThanOrEqual(1);
          expect(low).toBeLessThanOrEqual(k / n);
          expect(high).toBeGreaterThanOrEqual(k / n);
          expect(mirror.low).toBeCloseTo(1 - high, 12);
          const wider = wilson(2 * k, 2 * n);
          expect(wider.high - wider.low).toBeLessThan(high - low);
        },
      ),
    );
  });

  test('F1: the interval of TP/(TP+FP+FN), mapped by 2q/(1+q)', () => {
    // TP 5, FP 2, FN 3: q = 5/10, [0.236588, 0.763412] → [0.382648, 0.865836]; F1 itself is 10/15.
    const { low, high } = wilsonF1(5, 2, 3);
    expect(low).toBeCloseTo((2 * 0.236588) / 1.236588, 5);
    expect(high).toBeCloseTo((2 * 0.763412) / 1.763412, 5);
    expect(low).toBeLessThan(10 / 15);
    expect(high).toBeGreaterThan(10 / 15);
  });
});

describe('pearson', () => {
  test('by hand: Σxy = 3, Σx² = 2, Σy² = 42/9', () => {
    const r = pearson([
      [1, 2],
      [2, 4],
      [3, 5],
    ]);
    expect(r).toBeCloseTo(3 / Math.sqrt(2 * (42 / 9)), 12);
    expect(r).toBeCloseTo(0.981981, 6);
  });

  test('too few points, or no variation, say nothing', () => {
    expect(pearson([])).toBeNull();
    expect(pearson([[1, 2]])).toBeNull();
    expect(
      pearson([
        [1, 2],
        [1, 3],
      ]),
    ).toBeNull();
  });

  test('stays within ±1', () => {
    const points = fc.array(
      fc.tuple(fc.float({ noNaN: true, min: -9, max: 9 }), fc.float({ noNaN: true, min: -9, max: 9 })),
    );
    fc.assert(
      fc.property(points, (sample) => {
        const r = pearson(sample);
        if (r !== null) expect(Math.abs(r)).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('confidenceScore', () => {
  test('full marks for samples and errors at 64 and 16', () => {
    const score = confidenceScore({ tests: 64, errors: 16, accuracy: { low: 0.75, high: 0.95 }, f1: 0.9 });
    expect(score.parts.samples).toBeCloseTo(25, 12);
    expect(score.parts.errors).toBeCloseTo(25, 12);
    expect(score.parts.accuracy).toBeCloseTo(20, 12);
    expect(score.parts.balance).toBeCloseTo(22.5, 12);
    expect(score.score).toBeCloseTo(92.5, 12);
  });

  test('7 tests, 3 errors: 25·ln 8/ln 65 = 12.4535, 25·ln 4/ln 17 = 12.2325', () => {
    const score = confidenceScore({ tests: 7, errors: 3, accuracy: { low: 0.4, high: 0.9 }, f1: 0.5 });
    expect(score.parts.samples).toBeCloseTo(12.4535, 3);
    expect(score.parts.errors).toBeCloseTo(12.2325, 3);
    expect(score.score).toBeCloseTo(12.4535 + 12.2325 + 12.5 + 12.5, 3);
  });

  test('caps at 25 each; nothing scores nothing', () => {
    const many = confidenceScore({ tests: 5000, errors: 5000, accuracy: { low: 1, high: 1 }, f1: 1 });
    expect(many.score).toBe(100);
    expect(confidenceScore({ tests: 0, errors: 0, accuracy: { low: 0, high: 1 }, f1: null }).score).toBe(0);
  });

  test.each([25, 50, 70, 85])('the sum of the parts at %i', (points) => {
    // 25 for each of samples and errors from 64 and 16 on; the rest from F1 and the interval.
    const left = Math.max(0, points - 50);
    const f1 = Math.min(1, left / 25);
    const width = 1 - Math.max(0, left - 25) / 25;
    const few = points < 50;
    const score = confidenceScore({
      tests: few ? 0 : 64,
      errors: 1e9,
      accuracy: { low: 0, high: width },
      f1,
    });
    expect(score.score).toBeCloseTo(points, 9);
  });
});

test('mean', () => {
  expect(mean([1, 2, 6])).toBe(3);
});
