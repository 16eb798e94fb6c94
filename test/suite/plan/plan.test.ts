import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Cell } from '../../../tools/suite/model/cell.js';
import type { JsonValue } from '../../../tools/base/json-value.js';
import { formatJson } from '../../../tools/suite/nx/format-json.js';
import { loadSuite } from '../../../tools/suite/load/load.js';
import { formatDiagnostic } from '../../../tools/suite/yaml/diagnostics.js';
import { additionOf } from '../../../tools/suite/plan/original.js';
import { planSuite } from '../../../tools/suite/plan/plan.js';
import { slicesOf, type Suite } from '../../../tools/suite/model/suite.js';
import { madePaths, outputPaths } from '../../../tools/suite/nx/targets.js';
import { parsed, referenceSuite } from '../parse.js';
import { REPOSITORY } from '../../support/repository.js';

function smoke(): Suite {
  const loaded = loadSuite(REPOSITORY, 'smoke');
  if (!loaded.ok) throw new Error(loaded.error.map(formatDiagnostic).join('\n'));
  return loaded.value.suite;
}

function countBy(cells: readonly Cell[], key: (cell: Cell) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const cell of cells) counts[key(cell)] = (counts[key(cell)] ?? 0) + 1;
  return counts;
}

/** The direct dependencies that none of the other direct ones implies. */
function reduced(cell: Cell, byId: ReadonlyMap<string, Cell>): Cell[] {
  const direct = cell.dependsOn.map((id) => known(byId, id));
  return direct.filter((one) => !direct.some((other) => other !== one && closure(other, byId).has(one.id)));
}

function closure(cell: Cell, byId: ReadonlyMap<string, Cell>, seen = new Set<string>()): Set<string> {
  for (const id of cell.dependsOn) {
    if (seen.has(id)) continue;
    seen.add(id);
    closure(known(byId, id), byId, seen);
  }
  return seen;
}

function known(byId: ReadonlyMap<string, Cell>, id: string): Cell {
  const cell = byId.get(id);
  if (cell === undefined) throw new Error(`nothing makes ${id}`);
  return cell;
}

function indexed(cells: readonly Cell[]): ReadonlyMap<string, Cell> {
  return new Map(cells.map((cell) => [cell.id, cell]));
}

describe("the original script's eight models", () => {
  const cells = planSuite(referenceSuite());

  test("are the script's 517 cells and this suite's own, in 119 projects", () => {
    expect(cells.filter(({ id }) => additionOf(id) === undefined)).toHaveLength(517);
    // A shared baseline a model and run, three errors a model evaluated, a null run a model, the data.
    expect(cells).toHaveLength(517 + 24 + 24 + 8 + 1);
    // 8 baselines, 5 batches, 64 edits, 40 errors and the data; the suite's own project is the 119th.
    expect(new Set(cells.map((cell) => cell.project)).size).toBe(118);
    expect(countBy(cells, (cell) => cell.model)).toEqual({
      data: 1,
      'mistral-7b-v01': 78,
      'llama-2-13b-hf': 78,
      'qwen25-14b': 78,
      'qwen25-32b': 78,
      'yi-34b': 78,
      'mixtral-8x7b-v01': 61,
      'llama-2-70b-hf': 61,
      'qwen15-72b': 61,
    });
  });

  test.each([
    [
      'mistral-7b-v01',
      { setup: 1, calibrate: 5, preset: 1, baseline: 3, eval: 36, edit: 1, certify: 26, inject: 5 },
    ],
    [
      'mixtral-8x7b-v01',
      { setup: 1, calibrate: 5, preset: 1, baseline: 3, eval: 12, edit: 8, certify: 26, inject: 5 },
    ],
  ])('%s has the cells of the table', (model, counts) => {
    expect(
      countBy(
        cells.filter((cell) => cell.model === model),
        (cell) => cell.kind,
      ),
    ).toEqual(counts);
  });

  test('wait for what the table says, and for nothing else', () => {
    const byId = indexed(cells);
    const rules = cells.map((cell) => {
      const waits = reduced(cell, byId).map((one) => one.target.replace(/-\d+$/, '-k'));
      return `${cell.target.replace(/-\d+$/, '-k')} ← ${[...new Set(waits)].sort().join(' ')}`;
    });
    expect([...new Set(rules)].sort()).toEqual([
      'baseline-k ← preset',
      'calibrate-k ← data setup',
      'certify-k ← baseline-k edit',
      'certify-k ← baseline-k inject',
      'data ← ',
      'edit ← setup',
      'eval ← data edit',
      'eval ← data inject',
      'eval ← data setup',
      'eval-arc ← data edit',
      'eval-hellaswag ← data edit',
      'eval-mmlu ← data edit',
      'eval-winogrande ← data edit',
      'inject ← setup',
      'null-k ← baseline-k',
      'preset ← calibrate-k',
      'setup ← ',
    ]);
  });

  test('have the names of the original script', () => {
    const own = cells
      .filter((cell) => cell.model === 'mistral-7b-v01')
      .map((cell) => cell.project.split('.')[2]);
    expect([...new Set(own)]).toEqual([
      'baseline',
      'edits',
      'quant_8bit_clean',
      'fp4_e2m1_clean',
      'prune_10pct_clean',
      'svd_rank256_clean',
      'quant_4bit_stress',
      'fp4_aggressive_stress',
      'prune_50pct_stress',
      'svd_rank32_stress',
      'error_nan_injection',
      'error_inf_injection',
      'error_extreme_quant',
      'error_scale_explosion',
      'error_zero_layer',
    ]);
  });
});

describe('the smoke suite', () => {
  test('is the plan it is meant to be', async () => {
    const lines = planSuite(smoke()).map((cell) => `${cell.id} ← ${cell.dependsOn.join(' ')}`);
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('../fixtures/smoke-plan.txt');
  });

  test('has 84 cells', () => {
    expect(countBy(planSuite(smoke()), (cell) => cell.model)).toEqual({ 'tiny-dense': 61, 'tiny-moe': 23 });
  });
});

describe('what Python is told', () => {
  const text = readFileSync(new URL('../../fixtures/small-suite.yaml', import.meta.url), 'utf8');
  const files = {
    'suites/x/tasks': null,
    'suites/x/tasks/city.yaml': 'task: local_city',
    'suites/x/tasks/job.yaml': 'task: local_job',
    'suites/x/c.jsonl': Array.from({ length: 2200 }, (_, i) => `{"text":"${i}"}`).join('\n'),
  };
  const cells = indexed(planSuite(parsed(text, files)));

  test.each([
    ['x.dense.baseline:setup'],
    ['x.dense.baseline:calibrate-2'],
    ['x.dense.baseline:preset'],
    ['x.dense.baseline:baseline-1'],
    ['x.dense.baseline:eval'],
    ['x.dense.edits:edit'],
    ['x.dense.quant_8bit_clean:eval-city'],
    ['x.dense.error_zero_layer:inject'],
    ['x.dense.error_zero_layer:certify-1'],
    ['x.hub.mine:edit'],
    ['x.hub.mine:eval'],
    ['x.hub.mine:certify-2'],
  ])('%s', async (id) => {
    const cell = known(cells, id);
    await expect(formatJson(cell as unknown as JsonValue)).toMatchFileSnapshot(
      `../fixtures/cells/${id.replace(':', '-')}.json`,
    );
  });

  test('one run more changes no spec of a finished one', () => {
    const before = specs(parsed(text, files));
    const after = specs(parsed(text.replace('clean: 2', 'clean: 3'), files));
    for (const [id, spec] of before) expect(after.get(id)).toEqual(spec);
    expect(after.size).toBeGreaterThan(before.size);
  });

  test('identical repeats are one run by another name', () => {
    const repeated = indexed(
      planSuite(parsed(text.replace('clean: 2', 'clean: 2, repeat: identical'), files)),
    );
    const [first, second] = [1, 2].map((run) => known(repeated, `x.hub.mine:certify-${run}`).parts[0]);
    expect(second?.spec).toEqual(first?.spec);
    expect(second?.receipt).not.toBe(first?.receipt);
    const reports = [...repeated.keys()].filter((id) => id.startsWith('x.hub.baseline:baseline-'));
    expect(reports, 'one report serves them all').toEqual(['x.hub.baseline:baseline-1']);
    expect(known(repeated, 'x.hub.mine:certify-2').dependsOn).toContain(reports[0]);
  });

  test('a fresh baseline a certificate: no shared report is made or read', () => {
    const fresh = planSuite(parsed(`${text}certify: { baseline: fresh }\n`, files));
    expect(fresh.filter(({ kind }) => kind === 'baseline')).toEqual([]);
    expect(fresh.flatMap(({ reads }) => reads).filter(({ name }) => name === 'baseline-report')).toEqual([]);
    const shared = [...cells.values()].filter(({ kind }) => kind !== 'baseline');
    expect(fresh.map(({ id }) => id)).toEqual(shared.map(({ id }) => id));
    expect(
      fresh.map(({ parts }) => parts),
      'what is measured is the same',
    ).toEqual(shared.map(({ parts }) => parts));
  });

  function specs(suite: Suite): Map<string, unknown> {
    return new Map(
      planSuite(suite).flatMap((cell) => cell.parts.map((part) => [`${cell.id} ${part.name}`, part.spec])),
    );
  }
});

describe('evaluations of errors', () => {
  const evaluations = (rest: string): Cell[] =>
    planSuite(parsed(`models: [{name: m, facts: {architecture: llama}}]\n${rest}\n`)).filter(
      ({ id, kind }) => kind === 'eval' && id.includes('error_'),
    );

  test('are one cell each, and of errors with finite weights alone', () => {
    const found = evaluations('');
    expect(found.map(({ id }) => id)).toEqual([
      'x.m.error_extreme_quant:eval',
      'x.m.error_scale_explosion:eval',
      'x.m.error_zero_layer:eval',
    ]);
    expect(found[0]?.dependsOn).toEqual(['x.m.error_extreme_quant:inject', 'x.data.hub:data']);
    expect(found[0]?.parts[0]?.writes.map(({ path }) => path)).toEqual([
      'output/x/m/evals/error_extreme_quant_results.json',
      'output/x/m/evals/error_extreme_quant_outcomes.parquet',
    ]);
  });

  test('of models that cannot be loaded only say so, and their certificates know it; no other spec changes', () => {
    const cells = planSuite(
      parsed(
        'models: [{name: m, facts: {architecture: llama}}]\nerrors: [missing_tensor, shape_mismatch, zero_layer]\n',
      ),
    );
    const told = cells.flatMap(({ id, parts }) =>
      parts.flatMap(({ spec }) => ('subject_error' in spec ? [[id, spec.subject_error]] : [])),
    );
    expect(told).toEqual([
      ['x.m.error_missing_tensor:eval', 'missing_tensor'],
      ['x.m.error_missing_tensor:certify-1', 'missing_tensor'],
      ['x.m.error_shape_mismatch:eval', 'shape_mismatch'],
      ['x.m.error_shape_mismatch:certify-1', 'shape_mismatch'],
    ]);
    const evaluation = cells.find(({ id }) => id === 'x.m.error_missing_tensor:eval');
    expect(evaluation?.parts[0]?.writes.map(({ file }) => file)).toEqual(['results.json']);
  });

  test('ask 800 items a benchmark, or as many as is said, for one model or all', () => {
    const limits = (rest: string): unknown[] => evaluations(rest).map(({ parts }) => parts[0]?.spec.limit);
    expect(limits('errors: [zero_layer]')).toEqual([800]);
    expect(limits('errors: {types: [zero_layer], limit: 50}')).toEqual([50]);
    expect(limits('errors: {types: [zero_layer], limit: all}')).toEqual([undefined]);
    const own = 'models: [{name: m, facts: {architecture: llama}, errors: {types: [zero_layer], limit: 7}}]';
    const cells = planSuite(parsed(`${own}\nerrors: {limit: 50}\n`));
    expect(cells.find(({ id }) => id.endsWith('zero_layer:eval'))?.parts[0]?.spec.limit).toBe(7);
  });

  test("of edits and baselines ask every item, as the script's", () => {
    const cells = planSuite(referenceSuite()).filter(
      ({ kind, id }) => kind === 'eval' && !id.includes('.error_'),
    );
    expect(cells.every(({ parts }) => !('limit' in (parts[0]?.spec ?? {})))).toBe(true);
    expect(cells.every(({ id }) => additionOf(id) === undefined)).toBe(true);
  });
});

describe('null runs', () => {
  const suite = (runs: string): Suite =>
    parsed(`models: [{name: m, facts: {architecture: llama}}]\nruns: {${runs}}\n`);

  test('certify the baseline against itself, on the windows of the edits, and change no other cell', () => {
    const without = planSuite(suite('clean: 2, nulls: 0'));
    const cells = planSuite(suite('clean: 2, nulls: 2'));
    const added = cells.filter(({ target }) => target.startsWith('null-'));
    expect(cells.filter((cell) => !added.includes(cell))).toEqual(without);
    expect(added.map(({ id, kind }) => [id, kind])).toEqual([
      ['x.m.baseline:null-1', 'certify'],
      ['x.m.baseline:null-2', 'certify'],
    ]);
    const [first] = added;
    const [baseline, subject] = first?.reads ?? [];
    expect(subject?.path).toBe(baseline?.path);
    expect(first?.dependsOn).toEqual([
      'x.m.baseline:setup',
      'x.m.baseline:preset',
      'x.m.baseline:baseline-1',
      'x.data.hub:data',
    ]);
    expect(first?.parts[0]?.receipt).toBe('output/x/m/certificates/null/run_1/receipt.json');
    const edit = cells.find(({ id }) => id.endsWith('clean:certify-1'));
    expect(first?.parts[0]?.spec).toEqual(edit?.parts[0]?.spec);
  });

  test('may see more windows than any edit', () => {
    expect(slicesOf(suite('calibration: 2, clean: 1, stress: 1, nulls: 4').models[0] as never)).toBe(6);
  });
});

describe('any suite', () => {
  const edit = fc.oneof(
    fc.record({
      type: fc.constant('quant_rtn'),
      bits: fc.integer({ min: 2, max: 8 }),
      group_size: fc.constant(32),
    }),
    fc.record({ type: fc.constant('lowrank_svd'), rank: fc.integer({ min: 1, max: 64 }) }),
    fc.record({ type: fc.constant('magnitude_prune'), sparsity: fc.constantFrom(0.1, 0.25, 0.5) }),
  );
  const named = <T extends object>(items: T[], stem: string): (T & { name: string })[] =>
    items.map((item, index) => ({ ...item, name: `${stem}${index}` }));
  const edits = fc
    .record({ clean: fc.array(edit, { maxLength: 3 }), stress: fc.array(edit, { maxLength: 3 }) })
    .map(({ clean, stress }) => ({
      clean: named(clean, 'c').map((one) => ({ ...one, scope: 'ffn' })),
      stress: named(stress, 's').map((one) => ({ ...one, scope: 'all' })),
    }));
  const errors = fc.subarray([
    'nan_injection',
    'inf_injection',
    'extreme_quant',
    'scale_explosion',
    'zero_layer',
  ]);
  const run = fc.integer({ min: 1, max: 3 });
  const runs = fc.record({
    calibration: run,
    clean: run,
    stress: run,
    nulls: fc.integer({ min: 0, max: 3 }),
    repeat: fc.constantFrom('fresh', 'identical'),
  });
  const model = fc.record(
    { mode: fc.constantFrom('batch', 'per-edit'), edits, errors, runs },
    { requiredKeys: [] },
  );
  const suite = fc.record(
    {
      models: fc
        .array(model, { minLength: 1, maxLength: 3 })
        .map((models) => named(models, 'm').map((one) => ({ ...one, facts: { architecture: 'llama' } }))),
      edits,
      errors,
      runs,
      benchmarks: fc.integer({ min: 1, max: 3 }).map((count) =>
        named(
          Array.from({ length: count }, () => ({ task: 't' })),
          'b',
        ),
      ),
      evaluation: fc.record({ split: fc.constantFrom<unknown>('auto', true, false) }),
      certify: fc.record({ baseline: fc.constantFrom('shared', 'fresh') }),
      dataset: fc.constantFrom<unknown>('wikitext2', { provider: 'local_jsonl', file: 'c.jsonl' }),
    },
    { requiredKeys: ['models'] },
  );
  const lines = Array.from({ length: 11 * 400 }, (_, index) => `{"text":"${index}"}`).join('\n');

  test('plans cells that fit together', () => {
    fc.assert(
      fc.property(suite, (input) => {
        const value = parsed(JSON.stringify(input), { 'suites/x/c.jsonl': lines });
        const cells = planSuite(value);
        const byId = indexed(cells);
        expect(byId.size, 'ids are unique').toBe(cells.length);
        const outputs = cells.flatMap((cell) => [
          ...outputPaths(cell),
          ...cell.parts.flatMap((part) => part.link ?? []),
        ]);
        expect(new Set(outputs).size, 'no path is written twice').toBe(outputs.length);
        for (const path of outputs) expect(path).toMatch(/^output\/x\/[a-z0-9_./-]+$/);
        for (const path of outputs) expect(path.split('/')).not.toContain('..');
        const made = madePaths(cells);
        for (const cell of cells) {
          expect(cell.parts.length).toBeGreaterThan(0);
          // Nx sees only outputs of direct dependencies.
          const within = madePaths(cell.dependsOn.map((id) => known(byId, id)));
          for (const read of cell.reads) if (made.has(read.path)) expect(within).toContain(read.path);
          expect(closure(cell, byId)).not.toContain(cell.id);
        }
        for (const one of value.models) {
          const slices = cells
            .filter((cell) => cell.model === one.name)
            .flatMap(
              (cell) => (cell.parts[0]?.spec.window_slice as { index: number } | undefined)?.index ?? [],
            );
          expect(Math.max(...slices) + 1, 'slices of a corpus').toBe(slicesOf(one));
        }
        expect(planSuite(value), 'the plan is a function of the suite').toEqual(cells);
      }),
      { numRuns: 60 },
    );
  });
});

test("only the cells of a model that opts in may run its repository's code", () => {
  const suite = parsed(`models:
  - { name: own, id: o/own, trust_remote_code: true, size_class: 7b }
  - { name: plain, id: o/plain, size_class: 7b }
  - { name: refused, id: o/refused, trust_remote_code: false, size_class: 7b }
`);
  const trusting = planSuite(suite).filter(({ parts }) =>
    JSON.stringify(parts).includes('"trust_remote_code":true'),
  );
  expect(new Set(trusting.map(({ model }) => model))).toEqual(new Set(['own']));
  // Whoever loads it with transformers, and the preset, which has InvarLock's settings; edits read tensors alone.
  expect(new Set(trusting.map(({ kind }) => kind))).toEqual(
    new Set(['setup', 'calibrate', 'preset', 'baseline', 'eval', 'certify']),
  );
});
