import { describe, expect, test } from 'vitest';
import {
  measuredOf,
  medianUnitSeconds,
  unitSeconds,
  type MeasuredCell,
} from '../../../../tools/execution/lease/policy/durations.js';
import { estimatedSeconds } from '../../../../tools/suite/plan/estimate.js';

const measured = (rest: Partial<MeasuredCell>): MeasuredCell => ({
  model: 'm',
  kind: 'certify',
  units: 1,
  work: 0,
  runSeconds: [],
  startSeconds: [],
  ...rest,
});

test('the median by model and kind, which one slow cell does not move', () => {
  const cells = [10, 11, 500].map((seconds) => measured({ runSeconds: [seconds] }));
  const other = measured({ model: 'n', runSeconds: [3] });
  expect(medianUnitSeconds([...cells, other, measured({ kind: 'setup' })])).toEqual({
    'm/certify': 11,
    'n/certify': 3,
  });
});

test('where some evaluations are small, the large ones decide', () => {
  const small = [30, 40, 50].map((seconds) => measured({ kind: 'eval', units: 0.02, runSeconds: [seconds] }));
  const large = measured({ kind: 'eval', units: 2, runSeconds: [400] });
  expect(medianUnitSeconds([...small, large])).toEqual({ 'm/eval': 200 });
});

test('of a batch an edit, of an evaluation a benchmark', () => {
  const batch = measured({ kind: 'edit', units: 4, runSeconds: [40, 40] });
  const evaluation = measured({ kind: 'eval', units: 4, runSeconds: [40] });
  expect(medianUnitSeconds([batch, evaluation])).toEqual({ 'm/edit': 20, 'm/eval': 10 });
});

test('what was not measured is estimated by weights and kind', () => {
  const standing = { model: 'm', weightsGiB: 14 };
  const known = { seconds: { 'm/eval': 5 } };
  expect(unitSeconds('eval', standing, known)).toBe(5);
  expect(unitSeconds('certify', standing, known)).toBe(estimatedSeconds('certify', 14));
  expect(unitSeconds('eval', standing, undefined)).toBe(estimatedSeconds('eval', 14));
});

test('where there is no GPU, an estimate is of a core', () => {
  const standing = { model: 'smollm2-135m', weightsGiB: 0.25 };
  const onCpu = { seconds: {}, onCpu: true };
  // As docs/performance.md has it: 190 core-seconds a certificate.
  expect(unitSeconds('certify', standing, onCpu)).toBe(180);
  // Where its windows are known, they tell.
  expect(unitSeconds('certify', { ...standing, work: 9 }, onCpu)).toBe(14);
  expect(unitSeconds('certify', { ...standing, work: 9 }, undefined)).toBe(estimatedSeconds('certify', 0.25));
  expect(unitSeconds('eval', standing, onCpu)).toBeGreaterThan(
    100 * unitSeconds('eval', standing, undefined),
  );
  expect(unitSeconds('regression', standing, onCpu)).toBe(estimatedSeconds('regression', 0.25));
});

describe('on a model of which nothing was measured', () => {
  const rate = (work: number, seconds: number, startSeconds = 0) => ({
    work,
    seconds,
    startSeconds,
  });

  test('the start is the same, the rest in proportion to the work', () => {
    const known = { seconds: { 'a/eval': 40 }, rates: { eval: [rate(14, 40, 12)] } };
    const b = { model: 'b', weightsGiB: 28, work: 28 };
    expect(unitSeconds('eval', b, known)).toBe(12 + 56);
    expect(unitSeconds('eval', { ...b, model: 'a' }, known)).toBe(40);
    expect(unitSeconds('eval', { model: 'b', weightsGiB: 28 }, known)).toBe(estimatedSeconds('eval', 28));
    expect(unitSeconds('certify', b, known)).toBe(estimatedSeconds('certify', 28));
  });

  test('the model whose work is nearest tells, by ratio', () => {
    const rates = { certify: [rate(1, 10), rate(100, 2_000)] };
    expect(unitSeconds('certify', { model: 'c', weightsGiB: 1, work: 5 }, { seconds: {}, rates })).toBe(50);
    expect(unitSeconds('certify', { model: 'c', weightsGiB: 1, work: 20 }, { seconds: {}, rates })).toBe(400);
  });

  test('of receipts: medians, the start of a unit, and nothing where no size is known', () => {
    const cells = [
      measured({ kind: 'eval', units: 4, work: 3, runSeconds: [40], startSeconds: [8] }),
      measured({ kind: 'eval', model: 'without a size', runSeconds: [9] }),
      // As of an earlier version, which did not tell.
      measured({ work: 3, runSeconds: [7] }),
    ];
    expect(measuredOf(cells).rates).toEqual({
      eval: [rate(3, 10, 2)],
      certify: [rate(3, 7)],
    });
  });
});
