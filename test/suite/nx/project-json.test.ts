import { describe, expect, test } from 'vitest';
import { planSuite } from '../../../tools/suite/plan/plan.js';
import { GENERATED, projectFiles } from '../../../tools/suite/nx/project-json.js';
import { machineCommand } from '../../../tools/suite/nx/machine-input.js';
import { madePaths } from '../../../tools/suite/nx/targets.js';
import { parsed, referenceSuite } from '../parse.js';

interface Target {
  executor: string;
  cache: boolean;
  dependsOn: (string | { projects: string[]; target: string })[];
  inputs?: (string | { dependentTasksOutputFiles?: string; transitive?: boolean })[];
  outputs?: string[];
  options?: { kind: string; suite?: string };
  metadata: { description: string; help: { command: string } };
}

interface Project {
  name: string;
  tags: string[];
  metadata: { generated: string; description: string };
  implicitDependencies: string[];
  targets: Record<string, Target>;
}

function projectsOf(suite: ReturnType<typeof referenceSuite>): Map<string, Project> {
  return new Map(
    projectFiles(suite).map(({ path, text }) => {
      const project = JSON.parse(text) as Project;
      return [path, project];
    }),
  );
}

const suite = referenceSuite();
const cells = planSuite(suite);
const projects = projectsOf(suite);
const byName = new Map([...projects.values()].map((project) => [project.name, project]));

function target(project: string, name: string): Target {
  const found = byName.get(project)?.targets[name];
  if (found === undefined) throw new Error(`no ${project}:${name}`);
  return found;
}

describe('the projects of a suite', () => {
  test('are one a variant, and the own one of the suite', () => {
    expect(projects.size).toBe(119);
    for (const [path, { name, metadata }] of projects) {
      expect(path).toBe(`suites/${name.replaceAll('.', '/')}/project.json`);
      expect(metadata.generated).toBe(GENERATED);
    }
  });

  test('hold every cell once, with its dependencies', () => {
    for (const cell of cells) {
      const { dependsOn, executor, cache } = target(cell.project, cell.target);
      expect(executor).toBe('./tools:cell');
      expect(cache).toBe(true);
      const ids = dependsOn.flatMap((one) =>
        typeof one === 'string' ? [one] : one.projects.map((project) => `${project}:${one.target}`),
      );
      expect(new Set(ids)).toEqual(new Set(cell.dependsOn));
    }
    const cellTargets = [...projects.values()].flatMap((project) =>
      Object.values(project.targets).filter(({ executor }) => executor === './tools:cell'),
    );
    expect(cellTargets).toHaveLength(cells.length);
  });

  test('have the names of evaluations alike, whether one cell does all or each its own', () => {
    const all = { executor: 'nx:noop', cache: false, dependsOn: ['eval'] };
    const ways = (variant: string): unknown[] =>
      ['eval', 'eval-mmlu', 'eval-winogrande'].map((name) => target(variant, name));
    const cell = { executor: './tools:cell' };
    expect(ways('b200.mistral-7b-v01.baseline')).toMatchObject([cell, all, all]);
    expect(ways('b200.qwen15-72b.quant_8bit_clean')).toMatchObject([cell, all, all]);
    expect(ways('b200.mistral-7b-v01.quant_8bit_clean')).toMatchObject([
      { ...all, dependsOn: ['eval-mmlu', 'eval-hellaswag', 'eval-arc', 'eval-winogrande'] },
      cell,
      cell,
    ]);
    // Nothing of it where nothing is evaluated.
    expect(Object.keys(byName.get('b200.mistral-7b-v01.error_nan_injection')?.targets ?? {})).not.toContain(
      'eval',
    );
    expect(Object.keys(byName.get('b200.mistral-7b-v01.edits')?.targets ?? {})).not.toContain('eval');
  });

  test('draw the graph: suite → variants → batch → baseline', () => {
    expect(byName.get('b200')?.implicitDependencies).toHaveLength(118);
    const dependencies = (variant: string): string[] | undefined =>
      byName.get(`b200.mistral-7b-v01.${variant}`)?.implicitDependencies;
    expect(dependencies('baseline')).toEqual(['b200.data.hub']);
    expect(byName.get('b200.data.hub')?.implicitDependencies).toEqual([]);
    expect(dependencies('edits')).toEqual(['b200.mistral-7b-v01.baseline']);
    expect(dependencies('quant_8bit_clean')).toEqual([
      'b200.data.hub',
      'b200.mistral-7b-v01.baseline',
      'b200.mistral-7b-v01.edits',
    ]);
    expect(dependencies('error_zero_layer')).toEqual(['b200.data.hub', 'b200.mistral-7b-v01.baseline']);
    expect(byName.get('b200.qwen15-72b.quant_8bit_clean')?.implicitDependencies).toEqual([
      'b200.data.hub',
      'b200.qwen15-72b.baseline',
    ]);
  });

  test('are tagged', () => {
    expect(byName.get('b200.yi-34b.prune_50pct_stress')?.tags).toEqual([
      'suite:b200',
      'model:yi-34b',
      'variant:prune_50pct_stress',
      'class:stress',
    ]);
    const classes = new Set(
      [...projects.values()].flatMap(({ tags }) => tags.filter((tag) => tag.startsWith('class:'))),
    );
    expect(classes).toEqual(
      new Set(['class:baseline', 'class:clean', 'class:stress', 'class:error', 'class:edits', 'class:data']),
    );
  });

  test('gather: certify of a variant has its evaluations and certificates, that of the suite all, then the verdict', () => {
    expect(target('b200.mistral-7b-v01.quant_8bit_clean', 'certify')).toMatchObject({
      executor: 'nx:noop',
      cache: false,
      dependsOn: [
        'eval-mmlu',
        'eval-hellaswag',
        'eval-arc',
        'eval-winogrande',
        'certify-1',
        'certify-2',
        'certify-3',
      ],
    });
    expect(target('b200', 'certify').dependsOn).toEqual(['verdict']);
    const verdict = target('b200', 'verdict');
    expect(verdict).toMatchObject({ executor: './tools:verdict', cache: false, options: { suite: 'b200' } });
    expect(verdict.dependsOn).toEqual([
      { projects: [...byName.keys()].filter((name) => name !== 'b200'), target: 'certify' },
    ]);
    const calibrate = target('b200', 'calibrate').dependsOn as { projects: string[]; target: string }[];
    expect(calibrate.map((one) => [one.target, one.projects.length])).toEqual([
      ['calibrate-1', 8],
      ['calibrate-2', 8],
      ['calibrate-3', 8],
      ['calibrate-4', 8],
      ['calibrate-5', 8],
      ['preset', 8],
    ]);
  });

  test('say how to run each cell alone', () => {
    const { metadata } = target('b200.yi-34b.baseline', 'calibrate-3');
    expect(metadata.help.command).toBe('npx nx run b200.yi-34b.baseline:calibrate-3 --verbose');
    expect(metadata.description).toBe('Calibration run 3 of 5: InvarLock on the unedited yi-34b');
  });
});

describe('what is hashed and what is cached', () => {
  test('inputs are exact: nothing of the project, no package, each file read by its own name', () => {
    for (const cell of cells) {
      const { inputs = [] } = target(cell.project, cell.target);
      expect(inputs.slice(0, 2)).toEqual([{ externalDependencies: [] }, { runtime: machineCommand('b200') }]);
      for (const input of inputs.slice(2)) {
        if (typeof input === 'string')
          expect(input).toMatch(/^\{workspaceRoot\}\/tools\/python\/validation\/[\w/]+\.py$/);
        else expect(input.transitive).toBe(false);
      }
      const read = inputs.flatMap((input) =>
        typeof input === 'string' ? [] : (input.dependentTasksOutputFiles ?? []),
      );
      expect(read).toEqual(cell.reads.map(({ path }) => path));
      expect(read.join(' ')).not.toMatch(/receipt|\*/);
    }
  });

  test("of a batch, only the own edit's manifest", () => {
    const { inputs = [] } = target('b200.yi-34b.quant_8bit_clean', 'eval-mmlu');
    const outputs = inputs.flatMap((input) =>
      typeof input === 'string' ? [] : (input.dependentTasksOutputFiles ?? []),
    );
    expect(outputs).toEqual([
      'output/b200/yi-34b/models/quant_8bit_clean.manifest.json',
      'output/b200/data/benchmarks/mmlu.manifest.json',
    ]);
  });

  test('outputs are single files: results and receipts, never weights', () => {
    const made = madePaths(cells);
    for (const cell of cells) {
      const { outputs = [] } = target(cell.project, cell.target);
      for (const output of outputs) {
        const path = output.replace('{workspaceRoot}/', '');
        expect(made.has(path) || path.endsWith('receipt.json')).toBe(true);
        expect(cell.parts.map((part) => part.link)).not.toContain(path);
      }
    }
  });

  test('files of the repository that a suite reads are inputs', () => {
    const text = `models: [{name: m, facts: {architecture: llama}}]
runs: {calibration: 1, clean: 1, stress: 1}
evaluation: {tasks: tasks}
dataset: {provider: local_jsonl, file: data/c.jsonl}
`;
    const corpus = Array.from({ length: 800 }, (_, index) => `{"text":"${index}"}`).join('\n');
    const own = projectsOf(parsed(text, { 'suites/x/tasks': null, 'suites/x/data/c.jsonl': corpus }));
    const baseline = own.get('suites/x/m/baseline/project.json');
    expect(baseline?.targets.eval?.inputs).toContain('{workspaceRoot}/suites/x/tasks/**/*');
    expect(baseline?.targets['calibrate-1']?.inputs).toContain('{workspaceRoot}/suites/x/data/c.jsonl');
    expect(JSON.stringify(baseline?.targets.setup?.inputs)).not.toContain('suites/x');
  });

  test('nothing of the machine stands in them', () => {
    const text = projectFiles(suite)
      .map((file) => file.text)
      .join('');
    expect(text).not.toContain(process.cwd());
    expect(text).not.toMatch(/"\/(?!\/)/);
  });
});

test('a local model is an input by the listing of its files, also outside the workspace', () => {
  const local = parsed('models: [{ path: "/data/it\'s here", name: local, size_class: 7b }]');
  const setup = projectsOf(local).get('suites/x/local/baseline/project.json')?.targets.setup;
  expect(setup?.inputs).toContainEqual({ runtime: `node tools/dist/bin/listing.js '/data/it'\\''s here'` });
});

test('an edit more of one model makes no project of another anew', () => {
  const text = (edits: string): string => `
models:
  - { name: m, facts: { architecture: llama }, size_class: tiny, mode: batch, edits: { clean: [${edits}] } }
  - { name: n, facts: { architecture: llama }, size_class: tiny, mode: batch }
edits: { clean: ['quant_rtn:8:128:ffn'] }
errors: [nan_injection]
benchmarks: [{ name: mmlu, task: mmlu, fewshot: 0 }]
runs: { calibration: 2, clean: 1, stress: 1, nulls: 0 }
dataset: wikitext2
`;
  const made = (edits: string): Map<string, string> =>
    new Map(projectFiles(parsed(text(edits))).map(({ path, text: json }) => [path, json]));
  const [before, after] = [
    made("'quant_rtn:8:128:ffn'"),
    made("'quant_rtn:8:128:ffn', 'magnitude_prune:0.1:ffn'"),
  ];
  const others = [...before.keys()].filter((path) => path.includes('/n/') || path.startsWith('n/'));
  expect(others.length).toBeGreaterThan(3);
  for (const path of others) expect(after.get(path), path).toBe(before.get(path));
});
