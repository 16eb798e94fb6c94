import { expect, test } from 'vitest';
import {
  medianUnitSeconds,
  unitSeconds,
  type MeasuredCell,
} from '../../../../tools/execution/lease/policy/durations.js';
import { estimatedSeconds } from '../../../../tools/suite/plan/estimate.js';

const measured = (rest: Partial<MeasuredCell>): MeasuredCell => ({
  model: 'm',
  kind: 'certify',
  units: 1,
  runSeconds: [],
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
