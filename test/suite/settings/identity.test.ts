// Identity variables: each reaches what it names in the plan, and nothing else.
import { readFileSync } from 'node:fs';
import { expect, describe, test } from 'vitest';
import type { Cell } from '../../../tools/suite/model/cell.js';
import {
  asCommandPrefix,
  changedVariables,
  identityOf,
  type Identity,
} from '../../../tools/suite/settings/identity.js';
import { unknownVariables } from '../../../tools/suite/settings/unknown-variables.js';
import { IDENTITY_TABLE } from '../../../tools/suite/settings/identity-table.js';
import { planSuite } from '../../../tools/suite/plan/plan.js';
import { SITE_ROWS } from '../../../tools/suite/settings/site-table.js';
import { corpus, diagnostics, parsed, referenceSuite } from '../parse.js';

/** A corpus for INVARLOCK_DATASET, long enough for every run's own windows. */
const FILES = { 'suites/b200/own.jsonl': corpus(9 * 400) };
const text = readFileSync(new URL('../../../suites/b200/suite.yaml', import.meta.url), 'utf8');
const planned = (identity: Identity): Map<string, Cell> =>
  new Map(planSuite(parsed(text, FILES, 'b200', identity)).map((cell) => [cell.id, cell]));
const before = planned({});

interface Effect {
  /** Kinds of cells that differ, are added (`+kind`) or left out (`-kind`); `calibrate.invarlock.tier` is the path of a change. */
  paths: string[];
  /** Models of those cells. */
  models: string[];
}

function effect(identity: Record<string, string>): Effect {
  const after = planned(identity);
  const paths = new Set<string>();
  const models = new Set<string>();
  const note = ({ model }: Cell, path: string): void => {
    paths.add(path);
    models.add(model);
  };
  for (const [id, cell] of after) {
    const old = before.get(id);
    if (old === undefined) note(cell, `+${cell.kind}`);
    else for (const path of changes(old, cell)) note(cell, path);
  }
  for (const [id, cell] of before) if (!after.has(id)) note(cell, `-${cell.kind}`);
  return { paths: [...paths].sort(), models: [...models].sort() };
}

/** In what a cell reads, and in what its parts are made by and write; parts of a batch come and go by themselves. */
function changes(old: Cell, { kind, parts, ...cell }: Cell): string[] {
  const found = differences(
    { reads: old.reads, dependsOn: old.dependsOn },
    { reads: cell.reads, dependsOn: cell.dependsOn },
  );
  for (const part of parts) {
    const other = old.parts.find(({ name }) => name === part.name);
    if (other === undefined) found.push('+part');
    else {
      const asOf = (one: Cell['parts'][number]) => ({ ...one.spec, rest: { ...one, spec: null } });
      found.push(...differences(asOf(other), asOf(part)));
    }
  }
  if (old.parts.some(({ name }) => !parts.some((part) => part.name === name))) found.push('-part');
  return found.map((path) => (/^[+-]/.test(path) ? `${path.slice(0, 1)}${kind}` : `${kind}.${path}`));
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

const SMALL = ['llama-2-13b-hf', 'mistral-7b-v01', 'qwen25-14b'];
const MEDIUM = ['qwen25-32b', 'yi-34b'];
const LARGE = ['llama-2-70b-hf', 'qwen15-72b'];
const MOE = ['mixtral-8x7b-v01'];
const ALL = [...SMALL, ...MEDIUM, ...LARGE, ...MOE].sort();
const EVERYTHING = ['baseline', 'calibrate', 'certify', 'edit', 'eval', 'inject', 'preset', 'setup'];
const WITH_CORPUS = ['baseline', 'calibrate', 'certify'].map((kind) => `${kind}.reads`);
const dataset = (key: string): string[] => invarlock(`dataset.${key}`);

/** `models`: those whose cells change; all of them where none are named. */
const EFFECTS: [variable: string, value: string, effect: string[], models?: string[]][] = [
  ['EVAL_NUM_FEWSHOT', '0', ['eval.benchmarks']],
  ['EVAL_TASKS', 'mmlu,hellaswag', ['-data', '-eval', 'eval.benchmarks', 'eval.reads'], [...ALL, 'data']],
  ['EVAL_BATCH_SIZE', '4', ['eval.batch_size']],
  ['EVAL_BATCH_SIZE_SMALL', '4', ['eval.batch_size'], SMALL],
  ['EVAL_BATCH_SIZE_MEDIUM', 'auto:4', ['eval.batch_size'], MEDIUM],
  ['EVAL_BATCH_SIZE_LARGE', 'auto:2', ['eval.batch_size'], LARGE],
  ['EVAL_BATCH_SIZE_MOE', 'auto', ['eval.batch_size'], MOE],
  ['LMEVAL_TORCH_COMPILE', 'false', ['eval.torch_compile']],
  ['SKIP_FLASH_ATTN', 'true', ['eval.attention', ...invarlock('attention')]],
  ['INVARLOCK_TIER', 'conservative', invarlock('tier')],
  ['B200_GUARDS_ORDER', 'invariants,spectral', invarlock('guards')],
  ['B200_GUARDS_ORDER', 'reference', invarlock('guards')],
  ['INVARLOCK_BOOTSTRAP_N', '3000', invarlock('bootstrap')],
  ['INVARLOCK_PM_ACCEPTANCE_MIN', '0.95', invarlock('pm_acceptance')],
  ['INVARLOCK_PM_ACCEPTANCE_MAX', '1.10', invarlock('pm_acceptance')],
  // Larger models are spared it anyway.
  ['INVARLOCK_SKIP_OVERHEAD_CHECK', '1', invarlock('skip_overhead_check'), SMALL],
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
      'preset.dependsOn',
      'preset.reads',
      'preset.runs',
    ],
  ],
  ['CLEAN_EDIT_RUNS', '4', ['+baseline', '+certify']],
  ['STRESS_EDIT_RUNS', '1', ['-certify']],
  ['RUN_ERROR_INJECTION', 'false', ['-certify', '-eval', '-inject']],
  [
    'INVARLOCK_DATASET',
    'own.jsonl',
    [
      '-data',
      ...dataset('provider'),
      ...dataset('split'),
      ...dataset('text_field'),
      ...WITH_CORPUS,
      ...['baseline', 'calibrate', 'certify'].map((kind) => `${kind}.dependsOn`),
    ],
    [...ALL, 'data'],
  ],
  ['EDIT_TYPES_CLEAN', 'quant_rtn:7:128:ffn', ['+certify', '+edit', '+eval', '-certify', '-edit', '-eval']],
  ['EDIT_TYPES_STRESS', 'quant_rtn:3:32:all', ['+certify', '+edit', '+eval', '-certify', '-edit', '-eval']],
  ['MODEL_8', '', EVERYTHING.map((kind) => `-${kind}`), ['qwen15-72b']],
  ...[
    'mistral-7b-v01',
    'llama-2-13b-hf',
    'qwen25-14b',
    'qwen25-32b',
    'yi-34b',
    'mixtral-8x7b-v01',
    'llama-2-70b-hf',
  ].map((model, index): (typeof EFFECTS)[number] => [
    `MODEL_${index + 1}`,
    'someone/other-7b',
    EVERYTHING.flatMap((kind) => [`+${kind}`, `-${kind}`]),
    [model, 'other-7b'],
  ]),
];

const MINIMUMS: Record<string, RegExp> = {
  INVARLOCK_TIER: /preview|final|bootstrap/,
  INVARLOCK_DATASET: /preview|final/,
};

test.each(EFFECTS)(
  '%s=%s changes what it names, and nothing else',
  (variable, value, expected, models = ALL) => {
    const found = effect({ [variable]: value });
    // Windows and replicates are what the tier asks for, and what the text needs for it.
    const minimums = MINIMUMS[variable] ?? /^never$/;
    expect(found.paths.filter((path) => !minimums.test(path))).toEqual([...expected].sort());
    expect(found.paths.some((path) => minimums.test(path))).toBe(variable in MINIMUMS);
    expect(found.models).toEqual([...models].sort());
  },
);

/** Kinds of cells as the settings' page names them. */
const KINDS: Record<string, readonly string[]> = {
  evaluations: ['eval'],
  calibrations: ['calibrate'],
  presets: ['preset'],
  // With the reports on the baseline that they share.
  certificates: ['baseline', 'certify'],
};

test.each(EFFECTS)('docs/settings.md says of %s=%s what it makes again', (variable, value) => {
  const { changes = '' } = IDENTITY_TABLE[variable] ?? {};
  const existing = effect({ [variable]: value }).paths.filter((path) => !/^[+-]/.test(path));
  const kinds = new Set(existing.map((path) => path.split('.')[0]));
  // Of a model that goes, everything goes; what is only added or left out makes nothing again.
  const said = changes.startsWith('nothing') || changes.startsWith('everything') ? [] : changes.split(', ');
  expect(kinds).toEqual(new Set(said.flatMap((name) => KINDS[name] ?? [name])));
});

test('every identity variable is in that table', () => {
  const covered = new Set(EFFECTS.map(([name]) => name));
  expect(Object.keys(IDENTITY_TABLE).filter((name) => !covered.has(name))).toEqual([]);
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
    expect(diagnostics(text, {}, { MODEL_1: '' })).toEqual([
      '4:25: models[0].mode: "quick" is not allowed. Allowed: batch, per-edit',
    ]);
    expect(diagnostics('models: [{id: o/m-7b}]\n', {}, { INVARLOCK_BOOTSTRAP_N: '100' })).toEqual([
      "1:1: set by INVARLOCK_BOOTSTRAP_N: invarlock.bootstrap: 100 is below InvarLock's minimum for tier balanced: at least 1200",
    ]);
    expect(diagnostics(text.replace(', mode: quick', ''), {}, { MODEL_2: 'someone/thing' })).toEqual([
      '4:5: set by MODEL_2: models[1].size_class: missing, and the name does not tell it. Allowed: tiny, 7b, 13b, 30b, 40b, moe, 70b',
    ]);
    expect(diagnostics('models: [{id: o/m-7b}]\n', {}, { INVARLOCK_TIER: 'dev' })).toEqual([
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
