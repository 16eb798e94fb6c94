// The verdict's text names a gate that fails without an edit too as the baseline's own.
import { expect, test } from 'vitest';
import { verdictText } from '../../tools/results/outputs/text/verdict-text.js';
import { filesOf, findingsOf, planOf, type Outcomes } from './builders.js';

const plan = planOf({ models: ['m'], edits: { a_clean: 'clean' }, nulls: 1 });
const drifted = { flags: { preview_final_drift_acceptable: false } };
const lineOf = (certificates: NonNullable<Outcomes['certificates']>): string | undefined =>
  verdictText(findingsOf(plan, filesOf(plan, { certificates })).analysis, [])
    .split('\n')
    .find((line) => line.trimStart().startsWith('a_clean '));

test('a drift that the null run has too is the baseline’s, and that of the edit alone the edit’s', () => {
  expect(lineOf({ 'm/a_clean/1': drifted })).toMatch(/drift$/);
  expect(lineOf({ 'm/a_clean/1': drifted, 'm/baseline/1': drifted })).toMatch(
    /drift \(the baseline's own\)$/,
  );
  expect(lineOf({ 'm/baseline/1': drifted })).toMatch(/-$/);
});
