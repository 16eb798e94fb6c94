// Suite laptop as it ships, from a hub: five models of three architectures, one whose tensors have other names in its file, by the
// commands that its first lines give.
import { expect, test } from 'vitest';
import { HubSuite } from '../e2e/hub-suite.js';

const HOUR = 3_600_000;

test('suite laptop, from doctor to verdict', { timeout: 3 * HOUR }, async () => {
  await using suite = await HubSuite.create('laptop');
  const made = await suite.nx('g', './tools:suite', 'laptop');
  expect(made.exitCode, made.output).toBe(0);
  const plan = await suite.nx('run', 'laptop:plan');
  expect(plan.exitCode, plan.output).toBe(0);
  const doctor = await suite.nx('run', 'laptop:doctor');
  expect(doctor.output).toContain(' 0 errors');
  expect(doctor.exitCode, doctor.output).toBe(0);

  const run = await suite.nx('run', 'laptop:certify');
  expect(run.exitCode, run.output).toBe(0);
  console.log(`laptop, five models: ${run.seconds.toFixed(0)} s`);
  expect(suite.json('reports/final_verdict.json')).toMatchObject({
    ...{ complete: true, models_tested: 5, total_tests: 25, total_errors: 15, inconclusive: [] },
  });
  const rows = suite.read('analysis/eval_results.csv').trim().split('\n').slice(1);
  expect(new Set(rows.map((row) => row.split(',')[0])).size).toBe(5);
});
