// Suite b200 as it ships, from a hub: all of its eight models with all edits and errors, one run each; and two of them, one in
// batch mode, twice with the hub gone in between.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HubSuite, IN_SHORT, MODELS, type Model } from '../e2e/hub-suite.js';

const CERTIFY = ['run-many', '-t', 'certify', '-p', 'tag:suite:b200'];
const HOUR = 3_600_000;

async function made(models: readonly Model[], identity: Record<string, string>): Promise<HubSuite> {
  const suite = await HubSuite.create();
  const { exitCode, output } = await suite.generate(models, identity);
  expect(exitCode, output).toBe(0);
  const doctor = await suite.nx('run', 'b200:doctor');
  expect(doctor.output).toContain(' 0 errors');
  expect(doctor.exitCode, doctor.output).toBe(0);
  return suite;
}

test('all eight models, eight edits and five errors each', { timeout: 8 * HOUR }, async () => {
  const models = Object.keys(MODELS) as Model[];
  const { DRIFT_CALIBRATION_RUNS, CLEAN_EDIT_RUNS, STRESS_EDIT_RUNS } = IN_SHORT;
  await using suite = await made(models, { DRIFT_CALIBRATION_RUNS, CLEAN_EDIT_RUNS, STRESS_EDIT_RUNS });
  const fetched = await suite.nx('run-many', '-t', 'data', 'setup', '-p', 'tag:suite:b200');
  expect(fetched.exitCode, fetched.output).toBe(0);
  suite.hub.requests.length = 0;
  const run = await suite.nx(...CERTIFY);
  expect(run.exitCode, run.output).toBe(0);
  expect(suite.hub.requests).toEqual([]);
  expect(suite.json('reports/final_verdict.json')).toMatchObject({
    ...{ complete: true, models_tested: 8, total_tests: 64, total_errors: 40, inconclusive: [] },
  });
  console.log(`b200, eight models: ${run.seconds.toFixed(0)} s`);
});

test('twice, the hub gone in between: the same bytes', { timeout: 4 * HOUR }, async () => {
  await using suite = await made(['yi-34b', 'llama-2-70b-hf'], IN_SHORT);
  const run = await suite.nx(...CERTIFY);
  expect(run.exitCode, run.output).toBe(0);
  const results = ['reports/final_verdict.json', 'reports/final_verdict.txt', 'analysis/labels.csv'];
  const before = results.map((path) => suite.read(path));
  await suite.loseHub();
  rmSync(join(suite.checkout.root, 'output'), { recursive: true });
  await suite.nx('reset');
  const again = await suite.nx(...CERTIFY);
  expect(again.exitCode, again.output).toBe(0);
  expect(results.map((path) => suite.read(path))).toEqual(before);
  console.log(`b200, two models: ${run.seconds.toFixed(0)} s, again ${again.seconds.toFixed(0)} s`);
});
