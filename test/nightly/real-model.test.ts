// A real pretrained model without any hub: SmolLM2-135M-Instruct from a package, by its path, on Python's documentation and
// WordNet's glosses, to a finding. Perplexities are computed once more by other code.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Checkout } from '../e2e/checkout.mjs';
import { prepareRealModel, script } from './real-model/prepare.js';

const HOUR = 3_600_000;
/** An edit that leaves a model as it is, and one that no model survives. */
const [KEEPS, HURTS] = ['quant_8bit_clean', 'svd_rank64_stress'];
const LARGEST_DIFFERENCE = 0.005;

test('a real model, real English: harm is seen, perplexities are right', { timeout: 6 * HOUR }, async () => {
  await using checkout = await Checkout.create();
  await prepareRealModel(checkout);

  const offline = { HF_HUB_OFFLINE: '1' };
  const made = await checkout.run('npx', ['nx', 'g', './tools:suite', 'real'], offline);
  expect(made.exitCode, made.output).toBe(0);
  const doctor = await checkout.run('npx', ['nx', 'run', 'real:doctor'], offline);
  expect(doctor.output).toContain(' 0 errors');
  const run = await checkout.run('npx', ['nx', 'run', 'real:certify'], offline);
  expect(run.exitCode, run.output).toBe(0);
  expect(run.output).toContain('all 25 cells finished');

  const json = (path: string): unknown =>
    JSON.parse(readFileSync(join(checkout.root, 'output/real', path), 'utf8'));
  const accuracy = (of: string): number => {
    const { benchmarks } = json(`smollm2/evals/${of}_results.json`) as {
      benchmarks: Record<string, { accuracy: number }>;
    };
    const all = Object.values(benchmarks).map((one) => one.accuracy);
    return all.reduce((sum, one) => sum + one, 0) / all.length;
  };
  const whole = accuracy('baseline');
  expect(whole).toBeGreaterThan(0.7);
  const both = (edit: string): number => (accuracy(`${edit}_words`) + accuracy(`${edit}_docs`)) / 2;
  expect(both(KEEPS)).toBeGreaterThan(whole - 0.05);
  expect(both(HURTS)).toBeLessThan(whole - 0.2);

  const labels = readFileSync(join(checkout.root, 'output/real/analysis/labels.csv'), 'utf8');
  expect(labels).toMatch(new RegExp(`${HURTS}.*harmful`));
  expect(json('reports/final_verdict.json')).toMatchObject({
    ...{ complete: true, models_tested: 1, total_tests: 4, total_errors: 2, inconclusive: [] },
  });
  expect(json('smollm2/certificates/errors/nan_injection/outcome.json')).toMatchObject({ status: 'refused' });

  const compared = JSON.parse(
    await script(checkout, 'perplexity.py', [
      ...['output/real/smollm2', 'suites/real/data/python_docs.jsonl', 'output/real/models/smollm2/baseline'],
    ]),
  ) as Record<string, { invarlock: number; here: number }>;
  expect(Object.keys(compared)).toHaveLength(5);
  for (const [variant, { invarlock, here }] of Object.entries(compared)) {
    // Of a model that is no model any more the loss is compared: its perplexity is in the millions.
    const ratio = variant === HURTS ? Math.log(invarlock) / Math.log(here) : invarlock / here;
    expect(Math.abs(ratio - 1), variant).toBeLessThan(LARGEST_DIFFERENCE);
  }
  expect(existsSync(join(checkout.root, 'output/real/reports/report.html'))).toBe(true);
  console.log(`real model: ${run.seconds.toFixed(0)} s; ${JSON.stringify(compared)}`);
  console.log(run.output.split('\n').slice(-40).join('\n'));
});
