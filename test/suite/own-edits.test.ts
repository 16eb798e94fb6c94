// Edits made elsewhere: how suite.yaml names a checkpoint, what is refused, and the cells it becomes.
import { describe, expect, test } from 'vitest';
import { planSuite } from '../../tools/suite/plan/plan.js';
import { projectFiles } from '../../tools/suite/nx/project-json.js';
import { diagnostics, loaded, parsed } from './parse.js';

const MODEL = 'models: [{id: org/model-7b, name: m}]\n';
const withEdits = (edits: string): string => `${MODEL}edits: ${edits}\n`;

describe('a checkpoint among the edits', () => {
  test.each([
    ['org/Model-7B-GPTQ', {}, 'model-7b-gptq', { type: 'hub', id: 'org/Model-7B-GPTQ', revision: 'main' }],
    ['org/q', { revision: 'v2', name: 'mine' }, 'mine', { type: 'hub', id: 'org/q', revision: 'v2' }],
    ['./models/mine 4bit', {}, 'mine_4bit', { type: 'path', path: 'suites/x/models/mine 4bit' }],
    ['../../made/w4', {}, 'w4', { type: 'path', path: 'made/w4' }],
    ['/data/w8/', {}, 'w8', { type: 'path', path: '/data/w8/' }],
  ])('%s', (checkpoint, rest, name, source) => {
    const suite = parsed(withEdits(JSON.stringify({ stress: [{ checkpoint, ...rest }] })));
    expect(suite.models[0]?.edits).toEqual([{ name, class: 'stress', spec: { type: 'checkpoint', source } }]);
  });

  test('has a cell of its own beside the batch, which makes the others; all are judged alike', () => {
    const edits = '{clean: [{checkpoint: ../../w8, class: clean}], stress: ["quant_rtn:4:32:all"]}';
    const suite = parsed(`models: [{id: org/model-7b, name: m, mode: batch}]\nedits: ${edits}\n`);
    const cells = planSuite(suite);
    const adopt = cells.filter(({ kind }) => kind === 'adopt');
    expect(adopt).toMatchObject([
      {
        id: 'x.m.w8:adopt',
        dependsOn: ['x.m.baseline:setup'],
        reads: [
          { name: 'baseline', as: 'weights' },
          { name: 'source', path: 'w8', as: 'listing' },
        ],
        parts: [
          {
            name: 'w8',
            spec: { type: 'checkpoint', source: { type: 'path', path: 'w8' } },
            link: 'output/x/m/models/w8',
          },
        ],
      },
    ]);
    const batch = cells.find(({ id }) => id === 'x.m.edits:edit');
    expect(batch?.parts.map(({ name }) => name)).toEqual(['quant_4bit_stress']);
    const judged = (variant: string): string[] =>
      cells
        .filter(({ project }) => project === `x.m.${variant}`)
        .flatMap(({ kind, target }) => (kind === 'adopt' ? [] : target));
    expect(judged('w8')).toEqual([
      ...judged('quant_4bit_stress').slice(0, -2),
      'certify-1',
      'certify-2',
      'certify-3',
    ]);
    for (const cell of cells.filter(({ project, kind }) => project === 'x.m.w8' && kind !== 'adopt')) {
      expect(cell.dependsOn).toContain('x.m.w8:adopt');
      expect(cell.reads).toContainEqual({
        name: 'subject',
        path: 'output/x/m/models/w8.manifest.json',
        as: 'weights',
      });
    }
    // With checkpoints alone, nothing is made in a pass.
    const only = parsed(withEdits('{clean: [{checkpoint: ../../w8}]}'));
    expect(planSuite(only).filter(({ kind }) => kind === 'edit')).toEqual([]);
  });

  test('changes no other project', () => {
    const files = (edits: string): Map<string, string> =>
      new Map(projectFiles(parsed(withEdits(edits))).map(({ path, text }) => [path, withoutSchedule(text)]));
    const before = files('{clean: ["quant_rtn:8:128:ffn"]}');
    const after = files('{clean: ["quant_rtn:8:128:ffn", {checkpoint: org/w8}]}');
    expect(after.size).toBe(before.size + 1);
    for (const [path, text] of before)
      if (path !== 'suites/x/project.json') expect(after.get(path)).toBe(text);
  });
});

/** Plans are told what follows a cell; Nx hashes none of it. */
function withoutSchedule(text: string): string {
  return JSON.stringify(JSON.parse(text), (key, value: unknown) => (key === 'schedule' ? undefined : value));
}

test.each<[what: string, edits: string, expected: string]>([
  [
    'the other class',
    '{clean: [{checkpoint: org/q, class: stress}]}',
    'edits.clean[0].class: "stress" is not allowed. Allowed: clean',
  ],
  [
    'neither id nor path',
    '{clean: [{checkpoint: "~/q"}]}',
    'edits.clean[0].checkpoint: "~/q" is not allowed. Allowed: a hub id, e.g. org/model-gptq; or the directory of a model, beginning with ./ or ../ (relative to suite.yaml) or /',
  ],
  [
    'a revision of a path',
    '{clean: [{checkpoint: ./q, revision: main}]}',
    'edits.clean[0].revision: "main" is a revision, and only a checkpoint of the hub has one',
  ],
  [
    'a parameter of edits',
    '{clean: [{checkpoint: org/q, scope: ffn}]}',
    'unknown setting "scope". Allowed here: checkpoint, class, name, revision, as, format',
  ],
  [
    'a format that is not named',
    '{clean: [{checkpoint: org/q, as: quantized}]}',
    'edits.clean[0].as: "quantized" is quantized, and what runs it depends on its format: write format: bitsandbytes-4bit, bitsandbytes-8bit, compressed-tensors, torchao beside it',
  ],
  [
    'a format of what is dequantised',
    '{clean: [{checkpoint: org/q, as: dequantized, format: torchao}]}',
    'edits.clean[0].format: "torchao" is the format of what is evaluated as it is: it needs as: quantized beside it',
  ],
  ['a name that is taken', '{clean: [{checkpoint: org/q}, {checkpoint: ./q}]}', 'a second edit named "q"'],
  [
    'a name that is reserved',
    '{clean: [{checkpoint: org/baseline}]}',
    '"org/baseline" gives the name "baseline", which is reserved, as are baseline, edits, errors, calibration, null; give it one with name:',
  ],
])('%s is a mistake, with its place', (_, edits, expected) => {
  const found = diagnostics(withEdits(edits));
  expect(found).toHaveLength(1);
  expect(found[0]).toMatch(/^2:\d+: /);
  expect(found[0]).toContain(expected);
});

test('a quantized checkpoint is taken as its numbers, or evaluated as it is and not certified', () => {
  const edits =
    '{stress: [{checkpoint: ./q, name: n, as: dequantized}, {checkpoint: ./q, name: a, as: quantized, format: torchao}]}';
  const suite = parsed(withEdits(edits));
  const cells = planSuite(suite);
  const of = (variant: string) => cells.filter(({ project }) => project === `x.m.${variant}`);
  expect(of('n').find(({ kind }) => kind === 'adopt')?.parts[0]?.spec).toMatchObject({ as: 'dequantized' });
  expect(of('n').some(({ kind }) => kind === 'certify')).toBe(true);
  expect(of('n').some(({ parts }) => parts.some(({ spec }) => 'package' in spec))).toBe(false);
  const adopt = of('a').find(({ kind }) => kind === 'adopt');
  expect(adopt?.parts[0]?.spec).toMatchObject({ as: 'quantized', format: 'torchao' });
  expect(new Set(of('a').map(({ kind }) => kind))).toEqual(new Set(['adopt', 'eval']));
  for (const { kind, parts } of of('a')) {
    if (kind === 'eval') expect(parts[0]?.spec.package).toBe('torchao==0.18.0');
  }
  const metadata = (text: string): unknown =>
    (JSON.parse(projectFiles(parsed(text))[0]?.text ?? '') as { metadata: { packages?: string[] } }).metadata
      .packages;
  expect(metadata(withEdits(edits))).toEqual(['torchao']);
  expect(metadata(withEdits('{stress: [{checkpoint: ./q, as: dequantized}]}'))).toBeUndefined();
});

test('a checkpoint of one model is none of another', () => {
  const edits = 'edits: {stress: ["quant_rtn:4:32:all", {checkpoint: org/q}]}\n';
  expect(diagnostics(`models: [{id: o/a-7b}, {id: o/b-7b}]\n${edits}`)).toEqual([
    expect.stringMatching(
      /^2:\d+: edits\.stress\[1\]: a checkpoint of one model, and a-7b, b-7b take the suite's edits/,
    ),
  ]);
  expect(
    diagnostics(`models: [{id: o/a-7b}, {id: o/b-7b, edits: {clean: [{checkpoint: org/q}]}}]\n${edits}`),
  ).toEqual([]);
});

test('what lies at its path is looked at', () => {
  const text = `${MODEL}edits: {clean: ["quant_rtn:8:128:ffn"], stress: [{checkpoint: ../../w4}, {checkpoint: ./f}]}\n`;
  expect(diagnostics(text, { 'suites/x/f': '' })).toEqual([
    expect.stringMatching(
      /^2:\d+: edits\.stress\[1\]\.checkpoint: suites\/x\/f is a file, not the directory of a model$/,
    ),
  ]);
  const { warnings } = loaded(text, { 'suites/x/f': null, 'suites/x/f/config.json': '{}' });
  expect(warnings.map(({ message }) => message)).toEqual([
    'edits.stress[0].checkpoint: w4 does not exist here: its adoption will fail as long as that is so',
  ]);
});
