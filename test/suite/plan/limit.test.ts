// evaluation.limit: how many items of each benchmark every evaluation asks.
import { expect, test } from 'vitest';
import { planSuite } from '../../../tools/suite/plan/plan.js';
import { loadSuite } from '../../../tools/suite/load/load.js';
import { REPOSITORY } from '../../support/repository.js';
import { parsed } from '../parse.js';

const suite = (evaluation: string, errors: string): string =>
  `models: [{ name: m, facts: { architecture: llama } }]
edits: { clean: ['quant_rtn:8:128:ffn'], stress: [] }
errors: ${errors}
${evaluation}`;

/** The limit of each evaluation; undefined: all items. */
const limits = (text: string): Record<string, unknown> =>
  Object.fromEntries(
    planSuite(parsed(text)).flatMap(({ kind, id, parts }) =>
      kind === 'eval' ? [[id.replace('x.m.', ''), parts[0]?.spec.limit]] : [],
    ),
  );

test('evaluations ask every item unless the suite says how many', () => {
  const all = limits(suite('', '[zero_layer]'));
  expect(all['baseline:eval']).toBeUndefined();
  const few = limits(suite('evaluation: { limit: 100 }', '[zero_layer]'));
  expect(new Set(Object.values(few))).toEqual(new Set([100]));
  expect(Object.keys(few)).toEqual(Object.keys(all));
});

test("an error's own limit counts where it is the smaller", () => {
  const text = suite('evaluation: { limit: 100 }', '{ types: [zero_layer], limit: 40 }');
  expect(limits(text)['error_zero_layer:eval']).toBe(40);
  expect(limits(text)['baseline:eval']).toBe(100);
});

test('the laptop suite is valid, and small', () => {
  const loaded = loadSuite(REPOSITORY, 'laptop');
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error));
  const { suite: laptop, warnings } = loaded.value;
  expect(warnings).toEqual([]);
  expect(laptop.models.map(({ sizeClass }) => sizeClass)).toEqual(laptop.models.map(() => 'tiny'));
  expect(laptop.evalLimit).toBe(800);
  expect(planSuite(laptop).filter(({ kind }) => kind === 'certify')).toHaveLength(5 * (5 + 3 + 1));
});
