// Every setting of suite.yaml, walked out of its schema: another value changes the cells of the kinds it is for and no
// others. A setting without a row here fails the test.
import { expect, test } from 'vitest';
import { z } from 'zod';
import type { Cell } from '../../tools/suite/model/cell.js';
import { planSuite } from '../../tools/suite/plan/plan.js';
import { suiteSchema } from '../../tools/suite/load/schema.js';
import { corpus, parsed } from './parse.js';

/** Paths of all settings; `[]` is any item of a list. What takes several forms is one setting. */
function settingsOf(schema: z.ZodType, path = ''): string[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return settingsOf(schema.unwrap() as z.ZodType, path);
  }
  if (schema instanceof z.ZodArray) {
    const found = settingsOf(schema.element as z.ZodType, `${path}[]`);
    return found.length === 1 && found[0] === `${path}[]` ? [path] : found;
  }
  if (schema instanceof z.ZodDiscriminatedUnion) {
    return [...new Set(schema.options.flatMap((one) => settingsOf(one as z.ZodType, path)))];
  }
  if (!(schema instanceof z.ZodObject)) return [path];
  return Object.entries(schema.shape).flatMap(([key, value]) =>
    settingsOf(value as z.ZodType, path === '' ? key : `${path}.${key}`),
  );
}

type Json = Record<string, unknown>;

/** A hub model in batch mode and one made here an edit a cell, with two edits, two errors, a ladder, two benchmarks. */
const BASE: Json = {
  models: [
    { id: 'o/m-7b', mode: 'batch' },
    { name: 'f', size_class: 'tiny', mode: 'per-edit', facts: { architecture: 'mixtral' } },
    {
      ...{ path: '/models/p', name: 'p', size_class: '13b', mode: 'batch' },
      matrices: { attn: [{ tensor: 'h.{block}.a' }], ffn: [{ tensor: 'h.{block}.f' }] },
    },
  ],
  edits: { clean: ['quant_rtn:8:128:ffn'], stress: ['lowrank_svd:8:all'] },
  errors: ['nan_injection', 'zero_layer'],
  ladders: [{ error: 'scale_explosion', vary: 'factor', steps: [2, 3] }],
  benchmarks: [
    { name: 'mmlu', task: 'mmlu', fewshot: 0 },
    { name: 'arc', task: 'arc_challenge', fewshot: 0 },
  ],
  runs: { calibration: 2, clean: 2, stress: 1 },
};
const FILES = {
  'suites/x/own.jsonl': corpus(9 * 400),
  'suites/x/tasks': null,
};

function plan(suite: Json): Map<string, Cell> {
  return new Map(planSuite(parsed(JSON.stringify(suite), FILES)).map((cell) => [cell.id, cell]));
}

const before = plan(BASE);

/** Kinds whose cells are others, come (`+`) or go (`-`). */
function effect(suite: Json): string[] {
  const after = plan(suite);
  const found = new Set<string>();
  for (const [id, cell] of after) {
    const old = before.get(id);
    if (old === undefined) found.add(`+${cell.kind}`);
    else if (JSON.stringify(hashed(old)) !== JSON.stringify(hashed(cell))) found.add(cell.kind);
  }
  for (const [id, { kind }] of before) if (!after.has(id)) found.add(`-${kind}`);
  return [...found].sort();
}

const hashed = ({ kind, reads, parts }: Cell): unknown => ({ kind, reads, parts });

/** The base with a value at a path such as `models[0].revision`. */
function changed(path: string, value: unknown): Json {
  const suite = structuredClone(BASE);
  const keys = path.split(/[.[\]]+/).filter((key) => key !== '');
  const last = keys.pop() ?? '';
  let at: Json = suite;
  for (const key of keys) at = (at[key] ??= {}) as Json;
  at[last] = value;
  return suite;
}

const CERTIFYING = ['baseline', 'calibrate', 'certify', 'preset'];
const EVALUATING = ['eval'];
const ALL = ['baseline', 'calibrate', 'certify', 'edit', 'eval', 'inject', 'preset', 'setup'];
const OTHER_MODEL = [...ALL.map((kind) => `+${kind}`), ...ALL.map((kind) => `-${kind}`)].sort();

/** Path with an index in place of `[]`, another value, and kinds of cells that it changes. */
type Row = [path: string, value: unknown, kinds: readonly string[]];
const facts = (key: string, value: unknown): Row => [`models[1].facts.${key}`, value, ['setup']];

const ROWS: readonly Row[] = [
  ['description', 'another', []],
  ['tier', 'aggressive', CERTIFYING],
  ['determinism', 'strict', [...CERTIFYING, ...EVALUATING]],
  ['attention', 'eager', [...CERTIFYING, ...EVALUATING]],
  ['guards', 'reference', CERTIFYING],
  ['models[0].name', 'other', OTHER_MODEL],
  ['models[0].id', 'somebody/m-7b', ['setup']],
  ['models[2].path', '/models/q', ['setup']],
  facts('architecture', 'llama'),
  facts('seed', 2),
  facts('hidden_size', 64),
  facts('intermediate_size', 64),
  facts('num_layers', 2),
  facts('num_heads', 2),
  facts('steps', 100),
  facts('batch_size', 4),
  facts('learning_rate', 0.01),
  facts('num_experts', 8),
  facts('experts_per_token', 1),
  ['models[0].revision', 'v2', ['setup']],
  ['models[0].trust_remote_code', true, [...CERTIFYING, ...EVALUATING, 'setup']],
  ['models[0].size_class', '30b', [...CERTIFYING, ...EVALUATING]],
  ['models[0].mode', 'per-edit', ['+edit', '+eval', '-edit', '-eval']],
  ['models[2].matrices.attn', [{ tensor: 'h.{block}.w' }], ['edit', 'inject']],
  ['models[2].matrices.ffn', [{ tensor: 'h.{block}.w' }], ['edit', 'inject']],
  // A model's own edits are all its edits; a batch that makes others is another cell.
  ['models[0].edits.clean', ['quant_rtn:4:64:ffn'], ['+certify', '+eval', '-certify', '-eval', 'edit']],
  ['models[0].edits.stress', [], ['-baseline', '-certify', '-edit', '-eval']],
  ['models[0].errors', [], ['-certify', '-eval', '-inject']],
  ['models[0].ladders', [], ['-certify', '-eval', '-inject']],
  ['models[0].runs.ladder', 2, ['+certify']],
  ['models[0].runs.calibration', 1, ['-calibrate', 'baseline', 'certify', 'preset']],
  ['models[0].runs.clean', 1, ['-baseline', '-certify']],
  ['models[0].runs.stress', 2, ['+certify']],
  ['models[0].runs.nulls', 2, ['+certify']],
  ['models[0].runs.repeat', 'identical', ['-baseline', 'certify']],
  ['edits.clean', [], ['-baseline', '-certify', '-edit', '-eval', 'edit']],
  ['edits.stress', [], ['-certify', '-edit', '-eval', 'edit']],
  ['errors', ['zero_layer'], ['-certify', '-inject']],
  ['errors', { types: ['nan_injection', 'zero_layer'], limit: 5 }, EVALUATING],
  // A step more makes nothing else anew; one of an edit is one more part of the batch.
  [
    'ladders',
    [{ error: 'scale_explosion', vary: 'factor', steps: [2, 2.5, 3] }],
    ['+certify', '+eval', '+inject'],
  ],
  ['benchmarks[0].name', 'other', ['+eval', '-eval', 'eval']],
  ['benchmarks[0].task', 'hellaswag', ['data', ...EVALUATING]],
  ['benchmarks[0].fewshot', 5, EVALUATING],
  ['evaluation.split', false, ['+eval', '-eval']],
  ['evaluation.tasks', 'tasks', ['data', ...EVALUATING]],
  ['evaluation.seed', 1, EVALUATING],
  ['evaluation.limit', 100, EVALUATING],
  ['evaluation.torch_compile', false, EVALUATING],
  ['evaluation.shared_prefix', 'auto', EVALUATING],
  ['evaluation.trust_task_code', true, []], // of own tasks only: own-tasks.test.ts
  ['evaluation.batch_size', 4, EVALUATING],
  ['runs.calibration', 1, ['-calibrate', 'baseline', 'certify', 'preset']],
  ['runs.clean', 1, ['-baseline', '-certify']],
  ['runs.stress', 2, ['+certify']],
  ['runs.ladder', 2, ['+certify']],
  ['runs.nulls', 2, ['+certify']],
  ['runs.repeat', 'identical', ['-baseline', 'certify']],
  // How labels are made of what was measured.
  ['ground_truth.delta', 2, []],
  ['ground_truth.benchmark_delta', 3, []],
  // Who is set side by side then: a judge more or less runs nothing again.
  ['judges', ['invarlock', 'perplexity'], []],
  ['certify.baseline', 'fresh', ['-baseline', 'certify']],
  ['dataset', { provider: 'local_jsonl', file: 'own.jsonl' }, [...CERTIFYING, 'data']],
  ['dataset', { provider: 'wikitext2', split: 'test' }, CERTIFYING],
  ['windows', 'reference', CERTIFYING],
  ['windows', { '7b': { seq_len: 256, stride: 256 } }, CERTIFYING],
  ['invarlock.alpha', 0.01, CERTIFYING],
  ['invarlock.batch_size', 2, CERTIFYING],
  ['invarlock.bootstrap', 3000, CERTIFYING],
  ['invarlock.skip_overhead_check', true, CERTIFYING],
  ['invarlock.pm_acceptance', [0.95, 1.1], CERTIFYING],
];

test.each(ROWS)('%s: %j changes the cells it is for, and no others', (path, value, kinds) => {
  expect(effect(changed(path, value))).toEqual([...kinds].sort());
});

test('every setting of the schema has a row, and each row is one of the schema', () => {
  const named = new Set(ROWS.map(([path]) => path.replace(/\[\d+\]/g, '[]')));
  expect([...named].sort()).toEqual([...new Set(settingsOf(suiteSchema))].sort());
});
