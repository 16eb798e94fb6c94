// InvarLock 0.17 as a judge, on reports made by hand.
import { expect, test } from 'vitest';
import { comparisonSchema } from '../../../../tools/results/read/schema.js';
import { JUDGE_TABLE } from '../../../../tools/results/analysis/judges/index.js';
import { says, subject } from './variants.js';

function answer(decision: string, lower: number | null, reasons: string[] = []) {
  const interval = lower === null ? null : { lower, upper: 0.1 };
  const metrics = [{ count: 400, delta: -0.01, interval, reasons, missing_ids: [] }];
  const report = { format: 'invarlock/multi-metric-comparison-v1', decision, metrics, bindings: {} };
  return says('invarlock-0.17', subject({ comparison: { ok: true, value: comparisonSchema.parse(report) } }));
}

test.each<[string, number | null, string, number | null]>([
  ['pass', -0.01, 'passed', 0.01],
  ['pass', 0.02, 'passed', -0.02],
  ['regression', -0.25, 'flagged', 0.25],
  ['regression', null, 'flagged', null],
  ['insufficient_evidence', -0.01, 'undecided', null],
])('%s with a low end of %s is %s', (decision, lower, judgement, score) => {
  const said = answer(decision, lower, ['interval too wide']);
  expect(said).toMatchObject({ judgement, score });
  if (score === null) expect(said.because).toBe('interval too wide');
  else expect(said.margin).toBeCloseTo(0.03 - score, 12);
});

test('nothing compared is undecided; a report of another form is none', () => {
  expect(says('invarlock-0.17', subject())).toMatchObject({
    judgement: 'undecided',
    because: 'not measured',
  });
  expect(comparisonSchema.safeParse({ format: 'another', decision: 'pass', metrics: [] }).success).toBe(
    false,
  );
  expect(() => answer('maybe', 0)).toThrow();
});

test('it sees answers, so it is measured by the half it does not see', () => {
  expect(JUDGE_TABLE['invarlock-0.17'].map(({ readsOutcomes }) => readsOutcomes)).toEqual([true]);
});
