// Edits that a program of the suite's own makes: how suite.yaml names one, what is refused, and the cell it becomes.
import { describe, expect, test } from 'vitest';
import { planSuite } from '../../tools/suite/plan/plan.js';
import { places } from '../../tools/suite/plan/schedule.js';
import { projectFiles } from '../../tools/suite/nx/project-json.js';
import { diagnostics, parsed, type Files } from './parse.js';

const MODEL = 'models: [{id: org/model-7b, name: m}]\n';
const withEdits = (edits: string): string => `${MODEL}edits: ${edits}\n`;
const FILES: Files = {
  'suites/x/quantize.py': '',
  'suites/x/data': null,
  'suites/x/data/calibration.jsonl': '',
  'suites/x/venv/bin/python': '',
  'adapters/mine': null,
  '/data/adapter': null,
};
const PROGRAM = {
  command: ['python', 'quantize.py', '{baseline}', '{output}'],
  inputs: ['quantize.py'],
};
const spec = {
  type: 'program',
  command: PROGRAM.command,
  directory: 'suites/x',
  inputs: ['suites/x/quantize.py'],
  gpus: 0,
  seed: 1234,
};

describe('a program among the edits', () => {
  test.each([
    ['as short as can be', PROGRAM, 'quantize', spec],
    [
      'with all there is',
      {
        command: ['./venv/bin/python', 'quantize.py', '../../adapters/mine', '/data/adapter', '{output}'],
        inputs: ['quantize.py', 'data/', '../../adapters/mine', '/data/adapter'],
        gpus: 2,
        timeout: '4h',
        seed: 7,
        class: 'stress',
        name: 'ours',
      },
      'ours',
      {
        ...spec,
        command: [
          '{workspace}/suites/x/venv/bin/python',
          'quantize.py',
          '../../adapters/mine',
          '/data/adapter',
          '{output}',
        ],
        inputs: ['suites/x/quantize.py', 'suites/x/data', 'adapters/mine', '/data/adapter'],
        gpus: 2,
        seed: 7,
        timeoutSeconds: 14_400,
      },
    ],
    [
      'started from its own inputs',
      { command: ['quantize.py', '{output}'], inputs: ['./quantize.py'], timeout: '90 s' },
      'quantize',
      { ...spec, command: ['quantize.py', '{output}'], timeoutSeconds: 90 },
    ],
    [
      'an executable input',
      { command: ['./quantize.py', '{output}'], inputs: ['quantize.py'] },
      'quantize',
      { ...spec, command: ['./quantize.py', '{output}'] },
    ],
  ])('%s', (_, edit, name, expected) => {
    const suite = parsed(withEdits(JSON.stringify({ stress: [edit] })), FILES);
    expect(suite.models[0]?.edits).toEqual([{ name, class: 'stress', spec: expected }]);
  });

  test('has a cell of its own beside the batch, which reads the contents of its inputs; all are judged alike', () => {
    const edits = JSON.stringify({
      clean: [{ ...PROGRAM, gpus: 1, timeout: '2h' }],
      stress: ['quant_rtn:4:32:all'],
    });
    const cells = planSuite(
      parsed(`models: [{id: org/model-7b, name: m, mode: batch}]\nedits: ${edits}\n`, FILES),
    );
    const cell = cells.find(({ kind }) => kind === 'program');
    expect(cell).toMatchObject({
      id: 'x.m.quantize:program',
      dependsOn: ['x.m.baseline:setup'],
      timeoutSeconds: 7_200,
      reads: [
        { name: 'baseline', as: 'weights' },
        { name: 'input-1', path: 'suites/x/quantize.py', as: 'content' },
      ],
      parts: [{ name: 'quantize', link: 'output/x/m/models/quantize' }],
    });
    // What only says how long it may take is in no result, and neither is a seed that the command does not name.
    expect(cell?.parts[0]?.spec).toEqual({
      type: 'program',
      command: PROGRAM.command,
      directory: 'suites/x',
      inputs: ['suites/x/quantize.py'],
      gpus: 1,
    });
    expect(places(cells).get('x.m.quantize:program')?.timeoutSeconds).toBe(7_200);
    expect(cells.find(({ id }) => id === 'x.m.edits:edit')?.parts).toHaveLength(1);
    const judged = cells.filter(({ project, kind }) => project === 'x.m.quantize' && kind !== 'program');
    expect(judged.map(({ kind }) => kind)).toContain('certify');
    for (const each of judged) expect(each.dependsOn).toContain('x.m.quantize:program');
  });

  test('is told to Nx with inputs that git may ignore, and its time in no hash', () => {
    const project = (edit: object): Record<string, Target> => {
      const files = projectFiles(parsed(withEdits(JSON.stringify({ clean: [edit] })), FILES));
      const own = files.find(({ path }) => path === 'suites/x/m/quantize/project.json');
      return (JSON.parse(own?.text ?? '{}') as { targets: Record<string, Target> }).targets;
    };
    const target = project({ ...PROGRAM, timeout: '1d' }).program;
    expect(target?.inputs).toContainEqual({
      runtime: "node tools/dist/bin/listing.js 'suites/x/quantize.py' content",
    });
    expect(target?.metadata.schedule.timeoutSeconds).toBe(86_400);
    const hashed = (one: Target | undefined): unknown => ({ ...one, metadata: undefined });
    expect(hashed(target)).toEqual(hashed(project(PROGRAM).program));
  });

  test('may be the edit of several models: each has its baseline', () => {
    const text = `models: [{id: o/a-7b}, {id: o/b-7b}]\nedits: ${JSON.stringify({ clean: [PROGRAM] })}\n`;
    const cells = planSuite(parsed(text, FILES));
    expect(cells.filter(({ kind }) => kind === 'program').map(({ id }) => id)).toEqual([
      'x.a-7b.quantize:program',
      'x.b-7b.quantize:program',
    ]);
  });

  test('is told another seed where its command names one', () => {
    const seeded = { ...PROGRAM, command: [...PROGRAM.command, '--seed={seed}'], seed: 9 };
    const cells = planSuite(parsed(withEdits(JSON.stringify({ clean: [seeded] })), FILES));
    expect(cells.find(({ kind }) => kind === 'program')?.parts[0]?.spec.seed).toBe(9);
  });
});

interface Target {
  inputs: unknown[];
  metadata: { schedule: { timeoutSeconds?: number } };
}

test.each<[what: string, edit: object, expected: string]>([
  [
    'an input that is missing',
    { ...PROGRAM, inputs: ['quantize.py', 'gone.txt'] },
    'edits.stress[0].inputs[1]: suites/x/gone.txt is missing',
  ],
  [
    'an input outside the workspace',
    { ...PROGRAM, inputs: ['quantize.py', '../../../other/q.py'] },
    'edits.stress[0].inputs[1]: ../other/q.py lies outside the workspace; name it by its absolute path',
  ],
  [
    'the suite itself as an input',
    { ...PROGRAM, inputs: ['./'] },
    "edits.stress[0].inputs[0]: suites/x has the suite's own files in it; name what the program reads",
  ],
  [
    'a file that the command names and the inputs do not',
    { ...PROGRAM, inputs: [], name: 'q' },
    'edits.stress[0].command[1]: suites/x/quantize.py is there, and no input of the program; list it under inputs',
  ],
  [
    'an interpreter that is not there',
    { ...PROGRAM, command: ['./env/bin/python', 'quantize.py', '{output}'] },
    'edits.stress[0].command[0]: suites/x/env/bin/python is no program here',
  ],
  [
    'a placeholder that nobody knows',
    { ...PROGRAM, command: ['python', 'quantize.py', '{model}', '{output}'] },
    'edits.stress[0].command[2]: "{model}" names {model}, which stands for nothing. Allowed: {baseline}, {output}, {scratch}, {seed}, {gpus}, {threads}; {{model}} is the text',
  ],
  [
    'no place to write',
    { ...PROGRAM, command: ['python', 'quantize.py', '{baseline}', '{{output}}'] },
    'has no {output}: the program would not know where to write the edited model',
  ],
  [
    'a command in one text',
    { ...PROGRAM, command: 'python quantize.py {output}' },
    'edits.stress[0].command: "python quantize.py {output}" is not allowed. Allowed: a list of the words of a command, at least 1',
  ],
  [
    'a time of no unit',
    { ...PROGRAM, timeout: '4 hours' },
    'edits.stress[0].timeout: "4 hours" is not allowed. Allowed: a time, e.g. 90 s, 30min, 4h or 2d',
  ],
  [
    'the other class',
    { ...PROGRAM, class: 'clean' },
    'edits.stress[0].class: "clean" is not allowed. Allowed: stress',
  ],
  [
    'a format that is not named',
    { ...PROGRAM, as: 'quantized' },
    'edits.stress[0].as: "quantized" is quantized, and what runs it depends on its format: write format: bitsandbytes-4bit,',
  ],
  [
    'a format of what is dequantised',
    { ...PROGRAM, as: 'dequantized', format: 'torchao' },
    'edits.stress[0].format: "torchao" is the format of what is evaluated as it is: it needs as: quantized beside it',
  ],
  [
    'another setting',
    { ...PROGRAM, shell: true },
    'unknown setting "shell". Allowed here: command, inputs, gpus,',
  ],
])('%s is a mistake, with its place', (_, edit, expected) => {
  const found = diagnostics(withEdits(JSON.stringify({ stress: [edit] })), FILES);
  expect(found).toEqual([expect.stringContaining(expected)]);
  expect(found[0]).toMatch(/^2:\d+: /);
});

test('what it quantizes is taken as its numbers, or evaluated as it is and not certified', () => {
  const edits = JSON.stringify({
    clean: [
      { ...PROGRAM, name: 'plain' },
      { ...PROGRAM, name: 'numbers', as: 'dequantized' },
      { ...PROGRAM, name: 'kept', as: 'quantized', format: 'compressed-tensors' },
    ],
  });
  const suite = parsed(withEdits(edits), FILES);
  const cells = planSuite(suite);
  const of = (variant: string) => cells.filter(({ project }) => project === `x.m.${variant}`);
  const made = (variant: string) => of(variant).find(({ kind }) => kind === 'program')?.parts[0]?.spec;
  // A program that quantizes nothing is what it was.
  expect(made('plain')).toEqual({ type: 'program', ...PROGRAM, directory: 'suites/x', inputs: spec.inputs });
  expect(made('numbers')).toEqual({ ...made('plain'), as: 'dequantized' });
  expect(made('kept')).toEqual({ ...made('plain'), as: 'quantized', format: 'compressed-tensors' });
  const kinds = (variant: string) => new Set(of(variant).map(({ kind }) => kind));
  expect(kinds('numbers')).toEqual(kinds('plain'));
  expect(kinds('kept')).toEqual(new Set(['program', 'eval']));
  const packages = (variant: string) =>
    new Set(of(variant).flatMap(({ kind, parts }) => (kind === 'eval' ? [parts[0]?.spec.package] : [])));
  expect(packages('numbers')).toEqual(new Set([undefined]));
  expect(packages('kept')).toEqual(new Set(['compressed-tensors==0.20.1']));
  const [whole] = projectFiles(suite);
  expect(JSON.parse(whole?.text ?? '')).toMatchObject({ metadata: { packages: ['compressed-tensors'] } });
});

test('two of one script need names', () => {
  const found = diagnostics(withEdits(JSON.stringify({ clean: [PROGRAM], stress: [PROGRAM] })), FILES);
  expect(found).toEqual([expect.stringContaining('a second edit named "quantize"')]);
});

test('a mistake in what several models share is told once', () => {
  const edits = JSON.stringify({ clean: [{ ...PROGRAM, inputs: ['gone.py'], name: 'p' }] });
  expect(diagnostics(`models: [{id: o/a-7b}, {id: o/b-7b}]\nedits: ${edits}\n`)).toEqual([
    expect.stringMatching(/^2:\d+: edits\.clean\[0\]\.inputs\[0\]: suites\/x\/gone\.py is missing$/),
  ]);
});
