// Ladders: an edit or error at many strengths, which becomes ordinary variants.
import { describe, expect, test } from 'vitest';
import { additionOf } from '../../tools/suite/plan/original.js';
import { planSuite } from '../../tools/suite/plan/plan.js';
import { projectFiles } from '../../tools/suite/nx/project-json.js';
import { slicesOf } from '../../tools/suite/model/suite.js';
import { loadSuite } from '../../tools/suite/load/load.js';
import { formatDiagnostic } from '../../tools/suite/yaml/diagnostics.js';
import { REPOSITORY } from '../support/repository.js';
import { diagnostics, parsed } from './parse.js';

const NONE = 'edits: {clean: [], stress: []}\nerrors: []\n';
const MODELS = 'models: [{id: org/model-7b}, {id: org/other-70b}]\n';
const RTN = '  - { edit: quant_rtn, vary: bits, steps: [8, 4, 2], scope: ffn, group_size: 32 }\n';
const NOISE = '  - { edit: gaussian_noise, vary: sigma, steps: [0.05, 1.5], scope: all }\n';
const SCALE = '  - { error: scale_explosion, vary: factor, steps: [1.5, 10] }\n';

function suiteOf(ladders: string, rest = '') {
  return parsed(`${MODELS}${NONE}${rest}ladders:\n${ladders}`);
}

describe('a ladder', () => {
  test('is a set of ordinary variants, named by all their parameters', () => {
    const [batch, single] = suiteOf(RTN + NOISE + SCALE).models;
    expect([batch?.mode, single?.mode]).toEqual(['batch', 'per-edit']);
    expect(batch?.edits).toEqual([
      ...[8, 4, 2].map((bits, step) => ({
        name: `quant_${bits}bit_g32_ffn`,
        class: 'ladder',
        spec: { type: 'quant_rtn', bits, group_size: 32, scope: 'ffn' },
        step: [0, step],
      })),
      ...[0.05, 1.5].map((sigma, step) => ({
        name: `noise_${String(sigma).replace('.', '_')}_all`,
        class: 'ladder',
        spec: { type: 'gaussian_noise', sigma, scope: 'all' },
        step: [1, step],
      })),
    ]);
    expect(batch?.errorSteps).toEqual([
      { type: 'scale_explosion', factor: 1.5 },
      { type: 'scale_explosion', factor: 10 },
    ]);
    expect(single?.edits).toEqual(batch?.edits);
  });

  test.each([
    [
      '{ edit: quant_rtn, vary: group_size, steps: [16, 64], bits: 3, scope: all }',
      ['quant_3bit_g16_all', 'quant_3bit_g64_all'],
    ],
    [
      '{ edit: magnitude_prune, vary: sparsity, steps: [0.1, 0.125], scope: all }',
      ['prune_10pct_all', 'prune_12_5pct_all'],
    ],
    [
      '{ edit: lowrank_svd, vary: rank, steps: [64, 32], scope: attn }',
      ['svd_rank64_attn', 'svd_rank32_attn'],
    ],
    [
      '{ edit: fp4_quant, vary: format, steps: [e2m1, aggressive], scope: all }',
      ['fp4_e2m1_all', 'fp4_aggressive_all'],
    ],
    ['{ edit: scale, vary: factor, steps: [1.1, 100], scope: ffn }', ['scale_1_1x_ffn', 'scale_100x_ffn']],
    [
      '{ edit: zero_blocks, vary: count, steps: [1, 2], scope: all }',
      ['zero_1blocks_all', 'zero_2blocks_all'],
    ],
  ])('%s', (ladder, names) => {
    expect(suiteOf(`  - ${ladder}\n`).models[0]?.edits.map(({ name }) => name)).toEqual(names);
  });

  test('is made, evaluated and certified as edits are; in batch mode in the one pass', () => {
    const cells = planSuite(suiteOf(RTN + SCALE, 'runs: {ladder: 2}\n'));
    const of = (project: string) =>
      cells.filter((cell) => cell.project === `x.${project}`).map(({ target }) => target);
    const evaluations = ['eval-mmlu', 'eval-hellaswag', 'eval-arc', 'eval-winogrande'];
    expect(of('model-7b.quant_4bit_g32_ffn')).toEqual([...evaluations, 'certify-1', 'certify-2']);
    expect(of('other-70b.quant_4bit_g32_ffn')).toEqual(['edit', 'eval', 'certify-1', 'certify-2']);
    expect(of('model-7b.error_scale_explosion_1_5x')).toEqual([
      'inject',
      ...evaluations,
      'certify-1',
      'certify-2',
    ]);
    const batch = cells.find(({ id }) => id === 'x.model-7b.edits:edit');
    expect(batch?.parts.map(({ name }) => name)).toEqual([8, 4, 2].map((bits) => `quant_${bits}bit_g32_ffn`));
    const inject = cells.find(({ id }) => id === 'x.model-7b.error_scale_explosion_1_5x:inject');
    expect(inject?.parts[0]?.spec).toEqual({ error: 'scale_explosion', factor: 1.5 });
    const files = projectFiles(suiteOf(RTN + SCALE));
    const tags = (path: string): string =>
      files.find((file) => file.path === `suites/x/${path}/project.json`)?.text ?? '';
    for (const variant of ['model-7b/quant_4bit_g32_ffn', 'other-70b/error_scale_explosion_10x']) {
      expect(tags(variant)).toContain('class:ladder');
    }
    const implied = (path: string) =>
      (JSON.parse(tags(path)) as { implicitDependencies: string[] }).implicitDependencies;
    expect(implied('model-7b/quant_4bit_g32_ffn')).toContain('x.model-7b.edits');
    expect(implied('model-7b/error_scale_explosion_10x')).not.toContain('x.model-7b.edits');
  });

  test('with another step changes no other cell', () => {
    const before = planSuite(suiteOf(RTN + NOISE + SCALE));
    const after = planSuite(
      suiteOf(RTN.replace('[8, 4, 2]', '[8, 5, 4, 2]') + NOISE + SCALE.replace('[1.5, 10]', '[1.5, 3, 10]')),
    );
    const byId = new Map(after.map((cell) => [cell.id, cell]));
    for (const cell of before) {
      const now = byId.get(cell.id);
      if (cell.target === 'edit' && cell.project.endsWith('.edits')) {
        // One more part, with a receipt of its own; those that are there stay as they are.
        expect(now?.parts).toEqual(expect.arrayContaining(cell.parts));
        expect(now?.parts).toHaveLength(cell.parts.length + 1);
        expect({ ...now, parts: [], description: '' }).toEqual({ ...cell, parts: [], description: '' });
      } else expect(now).toEqual(cell);
    }
    const old = new Set(before.map(({ id }) => id));
    const added = new Set(after.filter(({ id }) => !old.has(id)).map(({ project }) => project.split('.')[2]));
    expect(added).toEqual(new Set(['quant_5bit_g32_ffn', 'error_scale_explosion_3x']));
  });

  test("of a model takes the place of the suite's; its runs read lines of their own", () => {
    const suite = parsed(
      `models:\n  - id: m-7b\n    ladders: [{ error: scale_explosion, vary: factor, steps: [2, 3] }]\n  - id: n-7b\n${NONE}runs: {calibration: 2, ladder: 3, nulls: 0}\nladders:\n${RTN}`,
    );
    expect(suite.models.map(({ edits, errorSteps }) => [edits.length, errorSteps.length])).toEqual([
      [0, 2],
      [3, 0],
    ]);
    expect(suite.models.map(slicesOf)).toEqual([5, 5]);
  });

  test('of an error goes where RUN_ERROR_INJECTION leaves errors out', () => {
    const suite = parsed(`${MODELS}${NONE}ladders:\n${RTN}${SCALE}`, {}, 'x', {
      RUN_ERROR_INJECTION: 'false',
    });
    expect(suite.models.map(({ edits, errorSteps }) => [edits.length, errorSteps.length])).toEqual([
      [3, 0],
      [3, 0],
    ]);
  });
});

test.each<[what: string, ladder: string, expected: string[]]>([
  [
    'no mapping',
    'quant_rtn:8:32:ffn',
    [
      '3:5: ladders[0]: "quant_rtn:8:32:ffn" is not allowed. Allowed: a mapping of a ladder: edit or error, vary, steps, and the other parameters of the edit',
    ],
  ],
  [
    'neither edit nor error',
    '{ vary: bits, steps: [1, 2] }',
    [
      '3:5: ladders[0]: {"vary":"bits","steps":[1,2]} is not allowed. Allowed: exactly one of edit and error, with vary and steps',
    ],
  ],
  [
    'an unknown edit',
    '{ edit: quant_rnt, vary: bits, steps: [8, 4] }',
    [
      '3:13: ladders[0].edit: "quant_rnt" is not allowed; did you mean "quant_rtn"? Allowed: quant_rtn, fp4_quant, magnitude_prune, lowrank_svd, gaussian_noise, scale, zero_blocks',
    ],
  ],
  [
    'an error without a strength',
    '{ error: zero_layer, vary: factor, steps: [2, 4] }',
    ['3:14: ladders[0].error: "zero_layer" is not allowed. Allowed: scale_explosion'],
  ],
  [
    'what does not vary',
    '{ edit: lowrank_svd, vary: scope, steps: [8, 4], rank: 3 }',
    ['3:32: ladders[0].vary: "scope" is not allowed. Allowed: rank'],
  ],
  [
    'no vary',
    '{ edit: lowrank_svd, steps: [8, 4], scope: ffn }',
    ['3:5: ladders[0].vary: missing. Allowed: rank'],
  ],
  [
    'one step',
    '{ edit: lowrank_svd, vary: rank, steps: [8], scope: ffn }',
    ['3:45: ladders[0].steps: [8] is not allowed. Allowed: a list of strengths, at least 2'],
  ],
  [
    'steps out of range',
    '{ edit: quant_rtn, vary: bits, steps: [9, 8, x], scope: ffn, group_size: 32 }',
    [
      '3:44: ladders[0].steps[0]: 9 is not allowed. Allowed: a whole number from 2 to 8',
      '3:50: ladders[0].steps[2]: "x" is not allowed. Allowed: a whole number from 2 to 8',
    ],
  ],
  [
    'a missing parameter, told once',
    '{ edit: quant_rtn, vary: bits, steps: [8, 4], scope: ffm }',
    [
      '3:5: ladders[0].group_size: missing. Allowed: a whole number from 1 to 1048576',
      '3:58: ladders[0].scope: "ffm" is not allowed; did you mean "ffn"? Allowed: ffn, attn, all',
    ],
  ],
  [
    'an unknown parameter, and the one that varies',
    '{ edit: lowrank_svd, vary: rank, steps: [8, 4], scope: ffn, rank: 3, name: x }',
    [
      '3:65: ladders[0]: unknown setting "rank". Allowed here: edit, vary, steps, scope',
      '3:74: ladders[0]: unknown setting "name". Allowed here: edit, vary, steps, scope',
    ],
  ],
  [
    'a factor of one',
    '{ error: scale_explosion, vary: factor, steps: [1, 2], scope: ffn }',
    [
      '3:53: ladders[0].steps[0]: 1 is not allowed. Allowed: a number above 0 and below 1000000, not 1',
      '3:60: ladders[0]: unknown setting "scope". Allowed here: error, vary, steps',
    ],
  ],
  [
    'a step twice',
    '{ edit: lowrank_svd, vary: rank, steps: [8, 4, 8], scope: ffn }',
    ['3:52: ladders[0].steps[2]: a second edit named "svd_rank8_ffn", after line 3; leave one of them out'],
  ],
])('%s is told with its place', (_, ladder, expected) => {
  expect(diagnostics(`models: [{id: m-7b}]\nladders:\n  - ${ladder}\n`)).toEqual(expected);
});

test.each([
  // Calibrations, preset, null run, baseline report and evaluation, setup, batch; each step is evaluated and certified. In
  // dose two errors beside, each made, evaluated and certified.
  ['dose', ['tiny'], 8 + 2 * 3, 35, 3],
  ['b200-dose', ['7b', '13b', '13b'], 11, 24, 4],
] as const)('suite %s is valid, and of so many cells', (name, sizes, own, edits, errors) => {
  const loaded = loadSuite(REPOSITORY, name);
  if (!loaded.ok) throw new Error(loaded.error.map(formatDiagnostic).join('\n'));
  const { suite, warnings } = loaded.value;
  expect(warnings).toEqual([]);
  expect(suite.models.map(({ sizeClass }) => sizeClass)).toEqual(sizes);
  for (const model of suite.models) {
    expect([model.edits.length, model.errorSteps.length]).toEqual([edits, errors]);
    const evaluations = model.split ? suite.benchmarks.length : 1;
    const cells = planSuite(suite).filter((cell) => cell.model === model.name);
    // What makes, evaluates and certifies steps is none of the original script's.
    const steps = cells.filter(({ id }) => additionOf(id) === 'cell of a ladder');
    expect(steps).toHaveLength(edits * (evaluations + 1) + errors * (1 + evaluations + 1));
    expect(cells).toHaveLength(own + edits * (evaluations + 1) + errors * (1 + evaluations + 1));
  }
});

test('a rank that no matrix exceeds is told at its step', () => {
  const text = `models: [{name: tiny, facts: {architecture: llama, hidden_size: 64, num_heads: 4}}]\n${NONE}windows: {tiny: {seq_len: 128, preview: 400, final: 400}}\nladders:\n  - { edit: lowrank_svd, vary: rank, steps: [32, 64], scope: all }\n`;
  expect(diagnostics(text)).toEqual([
    expect.stringContaining('ladders[0].steps[1]: rank 64 changes nothing of model tiny'),
  ]);
});

test('more zeroed blocks than a model has are told at their step', () => {
  const text = `models: [{name: tiny, facts: {architecture: llama, num_layers: 3}}]\n${NONE}windows: {tiny: {seq_len: 128, preview: 400, final: 400}}\nladders:\n  - { edit: zero_blocks, vary: count, steps: [2, 3, 4], scope: all }\n`;
  expect(diagnostics(text)).toEqual([
    expect.stringContaining('ladders[0].steps[2]: count 4 is more than the 3 blocks of model tiny'),
  ]);
});
