// Suite b200 as it ships, from a hub to its verdict by the documented commands: of its eight models one that has an edit a
// cell, of its edits two, every kind of cell; and what is different in batch mode, of a model that has all edits in one.
// All eight, and one in batch mode to its verdict: test/nightly/b200-hub.test.ts.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HubSuite, IN_SHORT } from './hub-suite.js';

const MODEL = 'llama-2-70b-hf';
const EDIT = 'svd_rank256_clean';
const IN_BATCH = 'yi-34b';
const CERTIFY = ['run-many', '-t', 'certify', '-p', 'tag:suite:b200'];

test('b200 runs from a hub to its verdict, and asks the hub nothing once models and data are here', async () => {
  await using suite = await HubSuite.create();
  const made = await suite.generate([MODEL], IN_SHORT);
  expect(made.exitCode, made.output).toBe(0);
  expect(made.output).not.toContain('not pinned');

  const doctor = await suite.nx('run', 'b200:doctor');
  const lines = doctor.output.split('\n').filter((line) => /^(ok|warning|error) {2,}/.test(line));
  expect(lines.filter((line) => !line.startsWith('ok'))).toEqual([
    'warning  GPUs: none is seen: cells run on the CPU',
  ]);
  for (const task of ['mmlu', 'hellaswag', 'arc_challenge', 'winogrande']) {
    expect(doctor.output).toMatch(new RegExp(`ok +benchmark ${task}: loaded`));
  }
  expect(doctor.output).toMatch(new RegExp(`ok +windows of ${MODEL}: 360 \\+ 360 windows of 128 tokens`));
  expect(doctor.exitCode, doctor.output).toBe(0);

  await batchMode(suite);
  expect((await suite.generate([MODEL], IN_SHORT)).exitCode).toBe(0);
  const fetched = await suite.nx('run-many', '-t', 'data', 'setup', '-p', 'tag:suite:b200');
  expect(fetched.exitCode, fetched.output).toBe(0);
  suite.hub.requests.length = 0;
  const run = await suite.nx(...CERTIFY);
  console.log(
    `b200, ${MODEL}, two edits: fetched in ${fetched.seconds.toFixed(0)} s, ${run.seconds.toFixed(0)} s`,
  );
  expect(run.output).toContain('all 26 cells finished');
  expect(run.exitCode, run.output).toBe(0);
  expect(suite.hub.requests).toEqual([]);

  expect(suite.json('reports/final_verdict.json')).toMatchObject({
    ...{ complete: true, models_tested: 1, total_tests: 2, total_errors: 5, inconclusive: [] },
  });
  const { benchmarks } = suite.json(`${MODEL}/evals/baseline_results.json`) as {
    benchmarks: Record<string, { n: number }>;
  };
  expect(Object.fromEntries(Object.entries(benchmarks).map(([name, { n }]) => [name, n]))).toEqual({
    ...{ mmlu: 57 * 2, hellaswag: 16, arc: 16, winogrande: 16 },
  });
  expect(suite.json(`${MODEL}/certificates/errors/nan_injection/outcome.json`)).toMatchObject({
    status: 'refused',
  });

  // The hub is gone, and with it all that was computed of one edit: from what the store has comes the same.
  const kept = ['reports/final_verdict.json', 'reports/final_verdict.txt', 'analysis/labels.csv'];
  const before = kept.map((path) => suite.read(path));
  await suite.loseHub();
  const output = join(suite.checkout.root, 'output/b200');
  const evaluations = readdirSync(join(output, MODEL, 'evals')).filter((name) => name.startsWith(EDIT));
  expect(evaluations.length).toBeGreaterThan(0);
  for (const path of [
    ...evaluations.map((name) => `${MODEL}/evals/${name}`),
    ...[`${MODEL}/certificates/${EDIT}`, 'data', 'reports', 'analysis'],
  ]) {
    rmSync(join(output, path), { recursive: true });
  }
  await suite.nx('reset');
  const again = await suite.nx(...CERTIFY);
  expect(again.exitCode, again.output).toBe(0);
  expect(kept.map((path) => suite.read(path))).toEqual(before);
  console.log(`without the hub: ${again.seconds.toFixed(0)} s`);
});

/** The edits in one pass, an evaluation a benchmark and edit, and the errors: its certificates are as everybody's. */
async function batchMode(suite: HubSuite): Promise<void> {
  const made = await suite.generate([IN_BATCH], IN_SHORT);
  expect(made.exitCode, made.output).toBe(0);
  const run = await suite.nx('run-many', '-t', 'eval', 'inject', '-p', `tag:model:${IN_BATCH}`);
  expect(run.exitCode, run.output).toBe(0);
  console.log(`b200, ${IN_BATCH}, edits in one pass and evaluations: ${run.seconds.toFixed(0)} s`);
  const items = { mmlu: 57 * 2, hellaswag: 16, arc: 16, winogrande: 16 };
  for (const [benchmark, n] of Object.entries(items)) {
    const { benchmarks } = suite.json(`${IN_BATCH}/evals/${EDIT}_${benchmark}_results.json`) as {
      benchmarks: Record<string, { n: number }>;
    };
    expect(benchmarks).toMatchObject({ [benchmark]: { n } });
  }
  const { attempts } = suite.json(`${IN_BATCH}/models/${EDIT}.receipt.json`) as {
    attempts: { log: string }[];
  };
  expect(attempts.map(({ log }) => log)).toEqual([expect.stringContaining('/edits/edit/attempt-1/')]);
}
