// Suite ci for real, in short: its first model is a local GPT-2, its second is left out, and two edits stand for eight.
// All of it, with two models: test/nightly/ci-suite.test.ts.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Checkout } from './checkout.mjs';
import { makeGpt2, useLocalData } from './local-ci.js';

test('suite ci runs on a local model given as MODEL_1, with local tasks and text', async () => {
  await using checkout = await Checkout.create();
  const json = (path: string): unknown =>
    JSON.parse(readFileSync(join(checkout.root, 'output/ci', path), 'utf8'));
  const model = await makeGpt2(checkout, { name: 'gpt2', hidden: 64, layers: 2, steps: 800, seed: 1 });
  const made = await checkout.run('npx', ['nx', 'g', './tools:suite', 'ci'], {
    ...useLocalData(checkout, 48),
    ...{ MODEL_1: model, MODEL_2: '', EVAL_TASKS: 'smoke_arc,smoke_winogrande', EVAL_NUM_FEWSHOT: '0' },
    ...{ EDIT_TYPES_CLEAN: 'quant_rtn:8:128:ffn', EDIT_TYPES_STRESS: 'lowrank_svd:4:all' },
  });
  expect(made.output).toContain('Recorded: MODEL_1=');
  expect(made.exitCode).toBe(0);

  // A host whose shell asks for other models is told so, and nothing starts.
  const certify = ['nx', 'run-many', '-t', 'certify', '-p', 'tag:suite:ci'];
  const other = await checkout.run('npx', certify, { MODEL_1: 'gpt2' });
  expect(other.exitCode).not.toBe(0);
  expect(other.output).toContain('environment variable MODEL_1 is "gpt2"; suite ci was made with');

  const run = await checkout.run('npx', certify, { MODEL_1: model, MODEL_2: '' });
  expect(run.output).toContain('all 14 cells finished');
  expect(run.exitCode).toBe(0);
  console.log(`suite ci, one model, two edits: ${run.seconds.toFixed(0)} s`);

  // No errors are injected, so the original script's rule cannot be met; everything else is judged.
  expect(json('reports/final_verdict.json')).toMatchObject({
    ...{ complete: true, models_tested: 1, total_tests: 2, total_errors: 0, inconclusive: [] },
    ...{ unmet: ['error detection is required, and the suite injects no errors'], metrics: { accuracy: 1 } },
    confusion: { TRUE_POSITIVE: 1, TRUE_NEGATIVE: 1 },
  });
  expect(json('models/gpt2/baseline/model_profile.json')).toMatchObject({ model_id: model, num_layers: 2 });
});
