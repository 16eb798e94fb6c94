// Identity variables: each reaches what it names in the plan, and nothing else.
import { expect, describe, test } from 'vitest';
import type { Cell } from '../../tools/suite/cell.js';
import {
  asCommandPrefix,
  changedVariables,
  identityOf,
  unknownVariables,
} from '../../tools/suite/identity.js';
import { IDENTITY_TABLE } from '../../tools/suite/identity-table.js';
import { planSuite } from '../../tools/suite/plan.js';
import { SITE_ROWS } from '../../tools/suite/site-table.js';
import { mistakes, parsed, referenceSuite } from './parse.js';

const before = new Map(planSuite(referenceSuite()).map((cell) => [cell.id, cell]));

/** Kinds of cells that differ, are added (`+kind`) or left out (`-kind`); `calibrate.invarlock.tier` is the path of a change. */
function effect(identity: Record<string, string>): string[] {
  const after = new Map(planSuite(referenceSuite(identity)).map((cell) => [cell.id, cell]));
  const found = new Set<string>();
  for (const [id, cell] of after) {
    const old = before.get(id);
    if (old === undefined) found.add(`+${cell.kind}`);
    else for (const path of differences(specOf(old), specOf(cell))) found.add(`${cell.kind}.${path}`);
  }
  for (const [id, { kind }] of before) if (!after.has(id)) found.add(`-${kind}`);
  return [...found].sort();
}

function specOf({ parts }: Cell): Record<string, unknown> {
  return parts[0]?.spec ?? {};
}

function differences(one: unknown, other: unknown, path = ''): string[] {
  if (JSON.stringify(one) === JSON.stringify(other)) return [];
  const bothMappings = [one, other].every(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  );
  if (!bothMappings) return [path];
  const [left, right] = [one, other] as [Record<string, unknown>, Record<string, unknown>];
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].flatMap((key) =>
    differences(left[key], right[key], path === '' ? key : `${path}.${key}`),
  );
}

const invarlock = (key: string): string[] =>
  ['baseline', 'calibrate', 'certify', 'preset'].map((kind) => `${kind}.invarlock.${key}`);

const EFFECTS: [variable: string, value: string, effect: string[]][] = [
  ['EVAL_NUM_FEWSHOT', '0', ['eval.benchmarks']],
  ['EVAL_TASKS', 'mmlu,hellaswag', ['-eval', 'eval.benchmarks']],
  ['EVAL_BATCH_SIZE', '4', ['eval.batch_size']],
  ['EVAL_BATCH_SIZE_SMALL', '4', ['eval.batch_size']],
  ['EVAL_BATCH_SIZE_MEDIUM', 'auto:4', ['eval.batch_size']],
  ['EVAL_BATCH_SIZE_LARGE', 'auto:2', ['eval.batch_size']],
  ['EVAL_BATCH_SIZE_MOE', 'auto', ['eval.batch_size']],
  ['LMEVAL_TORCH_COMPILE', 'false', ['eval.torch_compile']],
  ['SKIP_FLASH_ATTN', 'true', ['eval.attention', ...invarlock('attention')]],
  ['INVARLOCK_TIER', 'conservative', invarlock('tier')],
  ['B200_GUARDS_ORDER', 'invariants,spectral', invarlock('guards')],
  ['B200_GUARDS_ORDER', 'reference', invarlock('guards')],
  ['INVARLOCK_BOOTSTRAP_N', '3000', invarlock('bootstrap')],
  ['INVARLOCK_PM_ACCEPTANCE_MIN', '0.95', invarlock('pm_acceptance')],
  ['INVARLOCK_PM_ACCEPTANCE_MAX', '1.10', invarlock('pm_acceptance')],
  ['INVARLOCK_SKIP_OVERHEAD_CHECK', '1', invarlock('skip_overhead_check')],
  ['B200_DETERMINISM', 'strict', ['eval.determinism', 'eval.torch_compile', ...invarlock('determinism')]],
  [
    'DRIFT_CALIBRATION_RUNS',
    '4',
    [
      '-calibrate',
      'baseline.window_slice.count',
      'baseline.window_slice.index',
      'certify.window_slice.count',
      'certify.window_slice.index',
      'preset.runs',
    ],
  ],
  ['CLEAN_EDIT_RUNS', '4', ['+baseline', '+certify']],
  ['STRESS_EDIT_RUNS', '1', ['-certify']],
  ['RUN_ERROR_INJECTION', 'false', ['-certify', '-inject']],
  ['EDIT_TYPES_STRESS', 'quant_rtn:3:32:all', ['+certify', '+edit', '+eval', '-certify', '-edit', '-eval']],
  ['MODEL_8', '', ['-baseline', '-calibrate', '-certify', '-edit', '-eval', '-inject', '-preset', '-setup']],
];

test.each(EFFECTS)('%s=%s changes what it names, and nothing else', (variable, value, expected) => {
  const found = effect({ [variable]: value });
  // More windows and replicates are what the conservative tier asks for.
  const floors = variable === 'INVARLOCK_TIER' ? /preview|final|bootstrap/ : /^never$/;
  expect(found.filter((path) => !floors.test(path))).toEqual([...expected].sort());
  expect(found.some((path) => floors.test(path))).toBe(variable === 'INVARLOCK_TIER');
});

test('every identity variable is in that table', () => {
  const covered = new Set(EFFECTS.map(([name]) => name));
  const models = [1, 2, 3, 4, 5, 6, 7].map((number) => `MODEL_${number}`);
  const elsewhere = ['INVARLOCK_DATASET', 'EDIT_TYPES_CLEAN', ...models];
  expect(
    Object.keys(IDENTITY_TABLE)
      .filter((name) => !covered.has(name))
      .sort(),
  ).toEqual(elsewhere.sort());
});

test('no execution variable changes a cell', () => {
  for (const [, { variable }] of SITE_ROWS) {
    if (variable !== null) expect(identityOf({ [variable]: '1' })).toEqual({});
  }
});

describe('models', () => {
  test('MODEL_3 empty leaves out the third; MODEL_4 is the fourth all the same', () => {
    const names = referenceSuite({ MODEL_3: '', MODEL_4: 'gpt2' }).models.map(({ name }) => name);
    expect(names).toEqual([
      'mistral-7b-v01',
      'llama-2-13b-hf',
      'gpt2',
      'yi-34b',
      'mixtral-8x7b-v01',
      'llama-2-70b-hf',
      'qwen15-72b',
    ]);
  });

  test('a path is a path; what the suite says of the place stays', () => {
    const text = 'models: [{id: o/m-7b, name: m, runs: {clean: 1}, size_class: tiny}]\n';
    const [model] = parsed(text, {}, 'x', { MODEL_1: '/data/Some Model' }).models;
    expect(model).toMatchObject({
      name: 'some_model',
      source: { type: 'path', path: '/data/Some Model' },
      sizeClass: 'tiny',
      runs: { clean: 1 },
    });
  });

  test('one more than there are is added', () => {
    const { models } = parsed('models: [{id: o/m-7b}]\n', {}, 'x', { MODEL_2: 'o/n-13b' });
    expect(models.map(({ name }) => name)).toEqual(['m-7b', 'n-13b']);
  });

  test('mistakes are told with their variable, those of the file at their place', () => {
    const text = 'tier: balanced\nmodels:\n  - {id: o/m-7b}\n  - {id: o/n-13b, mode: quick}\n';
    expect(mistakes(text, {}, { MODEL_1: '' })).toEqual([
      '4:25: models[0].mode: "quick" is not allowed. Allowed: batch, per-edit',
    ]);
    expect(mistakes('models: [{id: o/m-7b}]\n', {}, { INVARLOCK_BOOTSTRAP_N: '100' })).toEqual([
      "1:1: set by INVARLOCK_BOOTSTRAP_N: invarlock.bootstrap: 100 is below InvarLock's floor for tier balanced: at least 1200",
    ]);
    expect(mistakes(text.replace(', mode: quick', ''), {}, { MODEL_2: 'someone/thing' })).toEqual([
      '4:5: set by MODEL_2: models[1].size_class: missing, and the name does not tell it. Allowed: tiny, 7b, 13b, 30b, 40b, moe, 70b',
    ]);
    expect(mistakes('models: [{id: o/m-7b}]\n', {}, { INVARLOCK_TIER: 'dev' })).toEqual([
      'environment variable INVARLOCK_TIER: "dev" is not allowed. Allowed: conservative, balanced, aggressive',
    ]);
  });
});

test('a corpus of one’s own', () => {
  const lines = Array.from({ length: 9 * 400 }, (_, index) => `{"text":"${index}"}`).join('\n');
  const suite = parsed('models: [{id: o/m-7b}]\n', { 'suites/x/own.jsonl': lines }, 'x', {
    INVARLOCK_DATASET: 'own.jsonl',
    EDIT_TYPES_CLEAN: 'quant_rtn:8:64:ffn lowrank_svd:8:attn',
  });
  expect(suite.models[0]?.invarlock.dataset).toMatchObject({ file: 'suites/x/own.jsonl' });
  expect(suite.models[0]?.edits.slice(0, 2).map(({ name }) => name)).toEqual([
    'quant_8bit_clean',
    'svd_rank8_clean',
  ]);
});

test('what is given, what changed, and the command that says it again', () => {
  const given = identityOf({ INVARLOCK_TIER: '', MODEL_3: '', EVAL_TASKS: ' a,b ', PATH: '/bin' });
  expect(given).toEqual({ MODEL_3: '', EVAL_TASKS: 'a,b' });
  expect(changedVariables({ EVAL_TASKS: 'a, b', MODEL_3: '' }, given)).toEqual([]);
  expect(changedVariables({}, given)).toEqual(['MODEL_3', 'EVAL_TASKS']);
  expect(asCommandPrefix({ MODEL_3: '', MODEL_1: "/a b's" })).toBe("MODEL_3='' MODEL_1='/a b'\\''s' ");
  expect(unknownVariables({ MODEL_9: 'x', CLEAN_EDITS_RUNS: '3', EVAL_BATCH_SIZE_SMAL: '1' })).toEqual([
    'environment variable MODEL_9: there is none. Did you mean MODEL_1?',
    'environment variable EVAL_BATCH_SIZE_SMAL: there is none. Did you mean EVAL_BATCH_SIZE_SMALL?',
  ]);
});
