import { describe, expect, test } from 'vitest';
import { expectedResults, type VerdictPlan } from '../../../tools/results/read/expected.js';
import { planOf } from '../builders.js';

describe('expectedResults', () => {
  test('follows the cells: parts, evaluations, certificates', () => {
    const expected = expectedResults(planOf({ edits: { a_clean: 'clean', b_stress: 'stress' }, runs: 2 }));
    expect(expected.parts.filter((part) => part.cell === 's.m.edits:edit').map((part) => part.name)).toEqual([
      'a_clean',
      'b_stress',
    ]);
    expect(expected.evaluations.map((one) => [one.variant, one.benchmarks])).toEqual([
      ['baseline', ['city', 'job']],
      ['a_clean', ['city']],
      ['a_clean', ['job']],
      ['b_stress', ['city']],
      ['b_stress', ['job']],
    ]);
    expect(expected.certificates.map((one) => [one.variant, one.run, one.class])).toEqual([
      ['a_clean', 1, 'clean'],
      ['a_clean', 2, 'clean'],
      ['b_stress', 1, 'stress'],
      ['b_stress', 2, 'stress'],
      ['error_nan_injection', 1, 'error'],
    ]);
  });

  test('a cell of no variant, or without a guard order, is refused', () => {
    const plan = planOf();
    expect(() => expectedResults({ ...plan, variants: [] })).toThrow('belongs to no variant');
    const bare = (cell: VerdictPlan['cells'][number]): VerdictPlan['cells'][number] => ({
      ...cell,
      parts: cell.parts.map((part) => ({ ...part, spec: {} })),
    });
    const cells = plan.cells.filter((cell) => cell.kind === 'certify').map(bare);
    expect(() => expectedResults({ ...plan, cells })).toThrow('no guard order or tier: run `nx sync`');
  });
});
