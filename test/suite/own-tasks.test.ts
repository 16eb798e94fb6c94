// Benchmarks of a suite's own: code that their files name, and what generation costs in plans.
import { describe, expect, test } from 'vitest';
import { planSuite } from '../../tools/suite/plan/plan.js';
import { unitsOf } from '../../tools/suite/plan/schedule.js';
import { diagnostics, parsed, type Files } from './parse.js';

const SUITE = `models: [{id: org/model-7b, name: m}]
benchmarks: [{name: mine, task: mine}]
evaluation: {tasks: tasks}
`;
const TRUSTED = SUITE.replace('tasks: tasks', 'tasks: tasks, trust_task_code: true');
const CODE =
  'task: mine\ndataset_path: json\nprocess_docs: !function utils.docs\nmetric_list:\n  - {metric: !function utils.score}\n';
const files = (text: string): Files => ({ 'suites/x/tasks': null, 'suites/x/tasks/deep/mine.yaml': text });

describe('code of a task', () => {
  test('is named with its file and place until suite.yaml allows it', () => {
    expect(diagnostics(SUITE, files(CODE))).toEqual([
      expect.stringMatching(
        /^3:\d+: evaluation\.tasks: runs Python: suites\/x\/tasks\/deep\/mine\.yaml \(!function utils\.docs, !function utils\.score\)\. Read it, then allow it: evaluation: \{ trust_task_code: true \}$/,
      ),
    ]);
    expect(diagnostics(TRUSTED, files(CODE))).toEqual([]);
  });

  test('is nothing where a text only speaks of it', () => {
    const text = 'task: mine\n# doc: !function utils.x\ndoc_to_text: "!function utils.y"\n';
    expect(diagnostics(SUITE, files(text))).toEqual([]);
  });

  test('is allowed in evaluations, and in what fetches their data; other suites keep their specs', () => {
    const cells = planSuite(parsed(TRUSTED, files(CODE.replace('json', 'org/data'))));
    const trusting = cells.filter(({ parts }) => parts.some(({ spec }) => spec.trust_task_code === true));
    expect(new Set(trusting.map(({ kind }) => kind))).toEqual(new Set(['data', 'eval']));
    const before = planSuite(parsed(SUITE.replace('evaluation: {tasks: tasks}', '')));
    const after = planSuite(parsed(SUITE.replace('tasks: tasks', 'trust_task_code: true')));
    expect(after).toEqual(before);
  });
});

describe('a task file that includes others', () => {
  const at = (others: Files, own = 'task: mine\ninclude: ../../shared/base.yaml\n'): Files => ({
    ...{ 'suites/x/tasks': null, ...others, 'suites/x/tasks/mine.yaml': own },
  });
  const reads = (all: Files, suite = TRUSTED): unknown[] =>
    planSuite(parsed(suite, all))
      .filter(({ kind }) => kind === 'eval' || kind === 'data')
      .map(({ kind, reads: of }) => [
        kind,
        of.flatMap(({ name, path, as }) => (/^(tasks|included-)/.test(name) ? [`${as} ${path}`] : [])),
      ])
      .filter(([, of]) => of?.length !== 0)
      .filter((each, index, list) => index === list.findIndex((one) => String(one) === String(each)));

  test.each<[what: string, all: Files, expected: string[]]>([
    [
      'one beside its directory',
      at({ 'suites/shared/base.yaml': 'dataset_path: json\n' }),
      ['suites/shared/base.yaml'],
    ],
    [
      'a list, a chain, and Python beside each link of it',
      at({
        'suites/shared/base.yaml':
          'include: [deep/a.yml, /data/b.yaml]\ndataset_path: json\nprocess_docs: !function code.utils.docs\n',
        'suites/shared/deep/a.yml': 'metric_list: [{metric: !function score.it}]\n',
        'suites/shared/deep/score.py': '',
        'suites/shared/code/utils.py': '',
        '/data/b.yaml': 'doc_to_text: !function json.dumps\n',
      }),
      [
        ...['/data/b.yaml', 'suites/shared/base.yaml', 'suites/shared/code/utils.py'],
        ...['suites/shared/deep/a.yml', 'suites/shared/deep/score.py'],
      ],
    ],
    [
      'a hidden one in its directory, which no digest of that has',
      at({ 'suites/x/tasks/.base.yaml': 'dataset_path: json\n' }, 'task: mine\ninclude: .base.yaml\n'),
      ['suites/x/tasks/.base.yaml'],
    ],
    [
      'one in its directory, by whatever name',
      at({ 'suites/x/tasks/base.yml': 'dataset_path: json\n' }, 'task: mine\ninclude: base.yml\n'),
      [],
    ],
    [
      'through a group',
      at({ 'suites/shared/base.yaml': 'group: mine\ntask: [one]\n' }, 'include: ../../shared/base.yaml\n'),
      ['suites/shared/base.yaml'],
    ],
  ])('%s is in the identity of what reads it', (_, all, expected) => {
    const content = expected.map((path) => `content ${path}`);
    expect(reads(all)).toEqual([['eval', ['directory suites/x/tasks', ...content]]]);
  });

  test('takes its data from them, and what it has the model write', () => {
    const all = at({
      'suites/shared/base.yaml':
        'dataset_path: org/data\noutput_type: generate_until\ngeneration_kwargs: {max_gen_toks: 80}\n',
    });
    const include = ['directory suites/x/tasks', 'content suites/shared/base.yaml'];
    expect(reads(all, SUITE)).toEqual([
      ['data', include],
      ['eval', include],
    ]);
    const evaluation = planSuite(parsed(SUITE, all)).find(({ kind }) => kind === 'eval');
    expect(evaluation?.parts[0]?.spec.benchmarks).toMatchObject([{ generates: 80 }]);
    // What it says itself counts more.
    const local = at(all, 'task: mine\ninclude: ../../shared/base.yaml\ndataset_path: json\n');
    expect(reads({ ...all, ...local }, SUITE)).toEqual([['eval', include]]);
  });

  test.each([
    ['a file outside', at({ 'suites/shared/base.yaml': CODE }), 'suites/shared/base.yaml'],
    [
      'at the end of a chain',
      at({
        'suites/shared/base.yaml': 'include: next\n',
        'suites/shared/next': 'include: [last.yml]\n',
        'suites/shared/last.yml': CODE,
      }),
      'suites/shared/last.yml',
    ],
    [
      'a file of another ending in its directory',
      at({ 'suites/x/tasks/base.yml': CODE }, 'task: mine\ninclude: base.yml\n'),
      'suites/x/tasks/base.yml',
    ],
  ])('is asked about code of %s', (_, all, where) => {
    const said = `runs Python: ${where} (!function utils.docs, !function utils.score). Read it`;
    expect(diagnostics(SUITE, all)).toEqual([expect.stringContaining(said)]);
    expect(diagnostics(TRUSTED, all)).toEqual([]);
  });

  test.each([
    [
      'that is not there',
      'include: no.yaml\n',
      'mine.yaml: includes no.yaml, which is not there (suites/x/tasks/no.yaml)',
    ],
    [
      'outside the workspace',
      'include: ../../../../a.yaml\n',
      'mine.yaml: includes ../a.yaml outside the workspace; name it by its absolute path',
    ],
    ['that is itself', 'include: ./mine.yaml\n', 'mine.yaml: includes ./mine.yaml, which includes it'],
    ['that is no path', 'include: [1]\n', 'mine.yaml: include is 1, not a path'],
  ])('one %s is a mistake', (_, own, said) => {
    expect(diagnostics(SUITE, at({}, own))).toEqual([
      expect.stringMatching(/^3:\d+: evaluation\.tasks: suites\/x\/tasks\//),
    ]);
    expect(diagnostics(SUITE, at({}, own))[0]).toContain(said);
  });
});

describe('a task that has the model write', () => {
  const written = (most: string): string =>
    `task: mine\ndataset_path: json\noutput_type: generate_until\ngeneration_kwargs: {${most}}\n`;
  const units = (text: string, suite = SUITE): number => {
    const cell = planSuite(parsed(suite, files(text))).find(({ kind }) => kind === 'eval');
    if (cell === undefined) throw new Error('no evaluation');
    return unitsOf(cell);
  };

  test('takes as much longer as it writes', () => {
    // 1,000 items of 800 tokens that are read, of 8.11 million a unit.
    expect(units('task: mine\noutput_type: multiple_choice\n')).toBe(0.1);
    // And of so many that are written, eight times as dear each.
    expect(units(written('max_gen_toks: 4000'))).toBe(4.04);
    expect(units(written('max_new_tokens: 400'))).toBe(0.49);
    // lm-eval's own default, 256.
    expect(units(written(''))).toBe(0.35);
    const limited = SUITE.replace('tasks: tasks', 'tasks: tasks, limit: 100');
    expect(units(written('max_gen_toks: 4000'), limited)).toBe(0.4);
  });

  test('is known where it is well-known', () => {
    const of = (task: string): number => units('task: other\n', SUITE.replace('task: mine', `task: ${task}`));
    // 1,319 items of 5 × 160 + 70 tokens, 256 written; commonsense_qa has 1,221 of 5 × 55 + 56.
    expect(of('gsm8k')).toBeCloseTo((1_319 * (870 + 256 * 8)) / 8_112_311, 2);
    expect(of('commonsense_qa')).toBe(0.05);
  });

  test('says so in its own cell alone', () => {
    const spec = (text: string): unknown =>
      planSuite(parsed(SUITE, files(text))).find(({ kind }) => kind === 'eval')?.parts[0]?.spec.benchmarks;
    const fewshot: unknown = expect.any(Number);
    expect(spec(written('max_gen_toks: 9'))).toEqual([{ name: 'mine', task: 'mine', fewshot, generates: 9 }]);
    expect(spec('task: mine\n')).toEqual([{ name: 'mine', task: 'mine', fewshot }]);
  });
});
