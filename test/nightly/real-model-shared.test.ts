// A real pretrained model asked by shared prefixes and lm-eval's way: the same answers item by item, but for ties within what
// the ways may differ by.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseOutcomes } from '../../tools/results/read/outcomes.js';
import { Checkout } from '../e2e/checkout.mjs';
import { prepareRealModel } from './real-model/prepare.js';

const HOUR = 3_600_000;
const OFFLINE = { HF_HUB_OFFLINE: '1' };
const BENCHMARKS = ['words', 'docs'];
const EVALUATION = 'evaluation: { tasks: tasks }';

interface Way {
  way: string;
  tokens_asked: number;
  tokens_computed: number;
  sample: { difference: number; batch_change: number; bound: number } | null;
}

test('item by item, a real model answers as by lm-eval', { timeout: 3 * HOUR }, async () => {
  await using checkout = await Checkout.create();
  await prepareRealModel(checkout, (text) => text.replace('fewshot: 0', 'fewshot: 2'));
  const lmEval = await evaluate(checkout);
  const path = join(checkout.root, 'suites/real/suite.yaml');
  const text = readFileSync(path, 'utf8');
  expect(text).toContain(EVALUATION);
  writeFileSync(path, text.replace(EVALUATION, 'evaluation: { tasks: tasks, shared_prefix: auto }'));
  const shared = await evaluate(checkout);

  const [one, other] = [lmEval.outcomes, shared.outcomes];
  expect(other.docHash).toEqual(one.docHash);
  expect(other.promptHash).toEqual(one.promptHash);
  const apart = one.logLikelihoods.map((choices, item) =>
    Array.from(choices, (value, choice) => Math.abs(value - (other.logLikelihoods[item]?.[choice] ?? NaN))),
  );
  const largest = Math.max(...apart.flat());
  const differing = one.correct.flatMap((right, item) => (right === other.correct[item] ? [] : [item]));
  // The best two choices lay closer together than the two ways do.
  const gaps = differing.map((item) => {
    const [best = NaN, second = NaN] = Array.from(one.logLikelihoods[item] ?? []).sort((a, b) => b - a);
    return { gap: best - second, apart: Math.max(...(apart[item] ?? [])) };
  });
  console.log(
    `${one.correct.length} items, ${differing.length} answered otherwise: ${JSON.stringify(gaps)}; log-likelihoods at most ` +
      `${largest.toFixed(3)} nats apart; ${lmEval.seconds.toFixed(0)} s, shared ${shared.seconds.toFixed(0)} s; ` +
      JSON.stringify(shared.ways),
  );
  for (const name of BENCHMARKS) {
    expect(lmEval.ways[name]?.way).toBe('lm-eval');
    const { way, tokens_asked: asked = 0, tokens_computed: computed = 0, sample } = shared.ways[name] ?? {};
    expect(way).toBe('packs');
    expect(asked / computed).toBeGreaterThan(1.5);
    expect(sample?.difference).toBeLessThanOrEqual(sample?.bound ?? 0);
  }
  for (const { gap, apart: by } of gaps) expect(gap).toBeLessThanOrEqual(2 * by);
});

async function evaluate(checkout: Checkout): Promise<{
  ways: Record<string, Way | undefined>;
  outcomes: Awaited<ReturnType<typeof parseOutcomes>>;
  seconds: number;
}> {
  const made = await checkout.run('npx', ['nx', 'g', './tools:suite', 'real'], OFFLINE);
  expect(made.exitCode, made.output).toBe(0);
  const run = await checkout.run('npx', ['nx', 'run', 'real.smollm2.baseline:eval'], OFFLINE);
  expect(run.exitCode, run.output).toBe(0);
  const file = join(checkout.root, 'output/real/smollm2/evals/baseline');
  const { shared_prefix: ways } = JSON.parse(readFileSync(`${file}_results.json`, 'utf8')) as {
    shared_prefix: Record<string, Way>;
  };
  const { runSeconds: seconds } = JSON.parse(readFileSync(`${file}_results.receipt.json`, 'utf8')) as {
    runSeconds: number;
  };
  return { ways, outcomes: await parseOutcomes(readFileSync(`${file}_outcomes.parquet`)), seconds };
}
