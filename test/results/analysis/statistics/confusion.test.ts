import { describe, expect, test } from 'vitest';
import {
  categorise,
  type Category,
  confusion,
} from '../../../../tools/results/analysis/statistics/confusion.js';
import { allOf, anyOf, not } from '../../../../tools/results/analysis/statistics/tri.js';
import { decide } from '../../../../tools/results/analysis/verdict.js';
import { regressionLimit } from '../../../../tools/results/analysis/evaluations.js';

describe('confusion', () => {
  test('categories', () => {
    expect(categorise(true, true)).toBe('TRUE_POSITIVE');
    expect(categorise(true, false)).toBe('FALSE_NEGATIVE');
    expect(categorise(false, true)).toBe('FALSE_POSITIVE');
    expect(categorise(false, false)).toBe('TRUE_NEGATIVE');
    expect(categorise(null, true)).toBe('INCONCLUSIVE');
    expect(categorise(false, null)).toBe('INCONCLUSIVE');
  });

  test('by hand: TP 3, FP 1, TN 4, FN 2, one inconclusive', () => {
    const of = (category: Category, n: number): Category[] => Array.from({ length: n }, () => category);
    const table = confusion([
      ...of('TRUE_POSITIVE', 3),
      ...of('FALSE_POSITIVE', 1),
      ...of('TRUE_NEGATIVE', 4),
      ...of('FALSE_NEGATIVE', 2),
      ...of('INCONCLUSIVE', 1),
    ]);
    expect(table.total).toBe(10);
    expect(table.accuracy.value).toBe(0.7);
    expect(table.precision.value).toBe(0.75);
    expect(table.recall.value).toBe(0.6);
    expect(table.specificity.value).toBe(0.8);
    expect(table.f1.value).toBeCloseTo(6 / 9, 12);
    // Wilson, 7 of 10.
    expect(table.accuracy.interval.low).toBeCloseTo(0.396778, 5);
    expect(table.accuracy.interval.high).toBeCloseTo(0.892209, 5);
  });

  test('what was not there to count has no value', () => {
    const table = confusion(['TRUE_NEGATIVE']);
    expect(table.accuracy.value).toBe(1);
    expect([table.precision.value, table.recall.value, table.f1.value]).toEqual([null, null, null]);
  });
});

test('three-valued logic', () => {
  expect(allOf([true, null, false])).toBe(false);
  expect(allOf([true, null])).toBeNull();
  expect(allOf([true])).toBe(true);
  expect(allOf([])).toBeNull();
  expect(anyOf([false, null, true])).toBe(true);
  expect(anyOf([false, null])).toBeNull();
  expect(anyOf([false])).toBe(false);
  expect(anyOf([])).toBeNull();
  expect([not(true), not(false), not(null)]).toEqual([false, true, null]);
});

test('regression limit: 2·√(0.9·0.1/1000) = 0.0189737', () => {
  expect(regressionLimit(0.9, 1000)).toBeCloseTo(0.0189737, 7);
  expect(regressionLimit(0.5, 100)).toBe(0.1);
  expect(regressionLimit(1, 128)).toBe(0);
});

describe('decide', () => {
  test.each([
    [0.8, 0.8, 75, 'PHASE0_VALIDATED', 'HIGH'],
    [0.8, 0.8, 74.9, 'PHASE0_VALIDATED', 'MEDIUM'],
    [0.79, 1, 100, 'PHASE0_VALIDATED', 'MEDIUM'],
    [0.6, 0.8, 60, 'PHASE0_VALIDATED', 'MEDIUM'],
    [0.6, 0.8, 59.9, 'PHASE0_VALIDATED', 'LOW'],
    [0.59, 1, 80, 'PHASE0_FAILED', 'HIGH'],
    [1, 0.79, 59, 'PHASE0_FAILED', 'LOW'],
  ] as const)('accuracy %d, errors %d, score %d', (accuracy, errorDetection, score, verdict, confidence) => {
    expect(decide({ accuracy, errorDetection, score })).toMatchObject({ verdict, confidence });
  });

  test('what was not measured is not met, and says so', () => {
    const { verdict, unmet } = decide({ accuracy: 1, errorDetection: null, score: 50 });
    expect(verdict).toBe('PHASE0_FAILED');
    expect(unmet).toEqual(['error detection is required, and no error could be judged']);
    expect(decide({ accuracy: 1, errorDetection: null, injects: false, score: 50 }).unmet).toEqual([
      'error detection is required, and the suite injects no errors',
    ]);
    expect(decide({ accuracy: 0.5, errorDetection: 1, score: 0 }).unmet).toEqual([
      'accuracy is 50.0 %, at least 60 % is required',
    ]);
  });
});
