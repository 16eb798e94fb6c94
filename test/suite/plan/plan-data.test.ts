import { describe, expect, test } from 'vitest';
import { hubData } from '../../../tools/suite/load/hub-data.js';
import { readTaskFiles } from '../../../tools/suite/load/task-includes.js';
import { planSuite } from '../../../tools/suite/plan/plan.js';
import { projectFiles } from '../../../tools/suite/nx/project-json.js';
import { pinned } from '../../../tools/generators/pin.js';
import { isEvictable } from '../../../tools/suite/model/keep.js';
import type { Cell } from '../../../tools/suite/model/cell.js';
import { corpus, parsed, referenceSuite, type Files } from '../parse.js';

const MANIFEST = /^output\/x\/data\/.*\.manifest\.json$/;
const MODEL = 'models: [{ name: m, facts: { architecture: llama } }]\n';
const LOCAL_TEXT = 'dataset: { provider: local_jsonl, file: c.jsonl }\n';
const OWN_TASKS =
  'evaluation: { tasks: tasks, trust_task_code: true }\nbenchmarks: [{ name: b, task: mine }]\n';

function cellsOf(text: string, files: Files = {}): Cell[] {
  return planSuite(parsed(text, { 'suites/x/c.jsonl': corpus(4_000), 'suites/x/tasks': null, ...files }));
}

function readers(cells: readonly Cell[]): string[] {
  const found = cells.filter(({ reads }) => reads.some(({ path }) => MANIFEST.test(path)));
  return [...new Set(found.map(({ kind }) => kind))].sort();
}

const task = (path: string): Files => ({
  'suites/x/tasks/mine.yaml': `task: mine\ndataset_path: ${path}\ndoc_to_text: !function utils.text\n`,
});

describe('a suite with benchmarks and windows of the hub', () => {
  const cells = cellsOf(MODEL);

  test('has one cell more, which all that read the hub wait for and have in their fingerprint', () => {
    const [data, ...rest] = cells;
    expect(data).toMatchObject({ id: 'x.data.hub:data', kind: 'data', dependsOn: [] });
    expect(rest.filter(({ kind }) => kind === 'data')).toEqual([]);
    expect(readers(cells)).toEqual(['baseline', 'calibrate', 'certify', 'eval']);
    for (const { id, reads, dependsOn } of rest) {
      expect(
        reads.some(({ path }) => MANIFEST.test(path)),
        id,
      ).toBe(dependsOn.includes('x.data.hub:data'));
    }
  });

  test('has a part for each task and for the windows, whatever is asked of them and how often', () => {
    const [data] = cells;
    expect(data?.parts.map(({ name, spec, link }) => [name, spec, link])).toEqual([
      ...['arc_challenge', 'hellaswag', 'mmlu', 'winogrande'].map((name) => [
        `benchmarks-${name}`,
        { task: name, revisions: {} },
        `output/x/data/benchmarks/${name}`,
      ]),
      ['windows-wikitext2', { provider: 'wikitext2', revisions: {} }, 'output/x/data/windows/wikitext2'],
    ]);
    expect(cellsOf(`${MODEL}runs: { calibration: 7 }\n`)[0]).toEqual(data);
  });

  test('gives each cell what it reads and no more: another benchmark makes no certificate anew', () => {
    const read = (id: string): string[] =>
      (cells.find((cell) => cell.id === id)?.reads ?? []).flatMap(({ name }) =>
        name.startsWith('data-') ? name : [],
      );
    expect(read('x.m.baseline:eval')).toEqual([
      'data-arc_challenge',
      'data-hellaswag',
      'data-mmlu',
      'data-winogrande',
    ]);
    expect(read('x.m.quant_8bit_clean:eval-arc')).toEqual(['data-arc_challenge']);
    expect(read('x.m.quant_8bit_clean:certify-1')).toEqual(['data-wikitext2']);
  });

  test('its commits stand in the specification of who reads them, and those of models do not', () => {
    const commits = {
      'data/mmlu:cais/mmlu@main': 'b'.repeat(40),
      'data/wikitext2:Salesforce/wikitext@main': 'a'.repeat(40),
      'o/m@main': 'c'.repeat(40),
    };
    const parts = planSuite(pinned(parsed(MODEL), { commits, sizes: {} }))[0]?.parts ?? [];
    expect(Object.fromEntries(parts.map(({ name, spec }) => [name, spec.revisions]))).toEqual({
      'benchmarks-arc_challenge': {},
      'benchmarks-hellaswag': {},
      'benchmarks-mmlu': { 'cais/mmlu': 'b'.repeat(40) },
      'benchmarks-winogrande': {},
      'windows-wikitext2': { 'Salesforce/wikitext': 'a'.repeat(40) },
    });
  });

  test('the manifests are Nx outputs and inputs, the data are neither', () => {
    const files = new Map(projectFiles(parsed(MODEL)).map(({ path, text }) => [path, text]));
    const project = JSON.parse(files.get('suites/x/data/hub/project.json') ?? '') as {
      targets: { data: { outputs: string[]; cache: boolean } };
    };
    expect(project.targets.data.cache).toBe(true);
    expect(project.targets.data.outputs).toHaveLength(15);
    expect(project.targets.data.outputs.slice(-3)).toEqual(
      ['manifest.json', 'datasets.json', 'receipt.json'].map(
        (file) => `{workspaceRoot}/output/x/data/windows/wikitext2.${file}`,
      ),
    );
    expect(files.get('suites/x/m/baseline/project.json')).toContain(
      `{ "dependentTasksOutputFiles": "output/x/data/windows/wikitext2.manifest.json", "transitive": false }`,
    );
  });
});

test('the data are never evicted', () => {
  for (const keep of ['all', 'baselines', 'none'] as const) expect(isEvictable(keep, 'data')).toBe(false);
});

test("the original suite's models are fetched for once", () => {
  const cells = planSuite(referenceSuite());
  expect(cells.filter(({ kind }) => kind === 'data')).toHaveLength(1);
});

describe('a suite that reads its own files', () => {
  test('has no such cell', () => {
    const cells = cellsOf(`${MODEL}${LOCAL_TEXT}${OWN_TASKS}`, task('json'));
    expect(cells.filter(({ kind }) => kind === 'data')).toEqual([]);
    expect(readers(cells)).toEqual([]);
  });

  test.each([
    ['windows of the hub', `${MODEL}${OWN_TASKS}`, 'json', ['baseline', 'calibrate', 'certify']],
    ['a task of its own on data of the hub', `${MODEL}${LOCAL_TEXT}${OWN_TASKS}`, 'o/data', ['eval']],
    [
      'a task that its files do not define',
      `${MODEL}${LOCAL_TEXT}${OWN_TASKS.replace('task: mine', 'task: other')}`,
      'json',
      ['eval'],
    ],
  ])('has one for %s, and only for the cells that read it', (_, text, path, kinds) => {
    expect(readers(cellsOf(text, task(path)))).toEqual(kinds);
  });

  test('tasks of the suite that read the hub are an input of the cell', () => {
    const [data] = cellsOf(`${MODEL}${LOCAL_TEXT}${OWN_TASKS}`, task('o/data'));
    expect(data?.reads).toEqual([{ name: 'tasks', path: 'suites/x/tasks', as: 'directory' }]);
  });
});

test.each(['- a list\n', '', 'task: [unclosed\n'])(
  'a task file that is no mapping defines nothing: %j',
  (text) => {
    const suite = parsed(`${MODEL}${LOCAL_TEXT}${OWN_TASKS}`, {
      'suites/x/c.jsonl': corpus(4_000),
      'suites/x/tasks': null,
    });
    expect(
      hubData(suite, readTaskFiles('t', new Map([['mine.yaml', text]]), () => ({ kind: 'none' })).said)
        ?.tasks,
    ).toEqual(['mine']);
  },
);
