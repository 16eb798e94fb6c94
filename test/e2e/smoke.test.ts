// The real thing: the committed smoke suite through Nx, torch, lm-eval and InvarLock, from nothing to a verdict.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ALL_JUDGES } from '../../tools/suite/model/suite.js';
import { seeded } from '../support/seeded.mjs';
import { interrupt } from '../support/rig/interrupt.js';
import { Checkout } from './checkout.mjs';

const DENSE = 'output/smoke/tiny-dense';

interface Evaluation {
  benchmarks: Record<string, { accuracy: number; n: number }>;
}

test('the smoke suite runs from suite.yaml to a verdict, and answers from cache and receipts', async () => {
  await using checkout = await Checkout.create();
  const read = (path: string): string => readFileSync(join(checkout.root, path), 'utf8');
  const json = (path: string): unknown => JSON.parse(read(path));

  // Killed twice on its way: what follows is true of a run that was resumed.
  const seed = Number(process.env.CHAOS_SEED ?? Math.floor(Date.now() / 86_400_000));
  const random = seeded(seed);
  const began = Date.now();
  for (const how of ['SIGKILL', 'machine'] as const) {
    const after = 8_000 + random() * 25_000;
    const hit = await interrupt(checkout.startNx('run-many', '-t', 'certify'), after, how);
    console.log(`seed ${seed}: ${how} after ${(after / 1000).toFixed(1)} s`);
    expect(hit).toBe(true);
  }
  const first = await checkout.nx('run-many', '-t', 'certify');
  expect(first.output).toContain('all 84 cells finished');
  expect(first.exitCode).toBe(0);
  expect(first.output).toContain('output/smoke/reports/final_verdict.txt');
  console.log(`smoke suite, killed twice: ${((Date.now() - began) / 1000).toFixed(0)} s`);

  // Both models learned their facts.
  for (const model of ['tiny-dense', 'tiny-moe']) {
    const { benchmarks } = json(`output/smoke/${model}/evals/baseline_results.json`) as Evaluation;
    const accuracies = Object.values(benchmarks).map(({ accuracy }) => accuracy);
    expect(accuracies).toHaveLength(4);
    expect(accuracies.filter((accuracy) => accuracy >= 0.9).length).toBeGreaterThanOrEqual(3);
  }

  // The tree that the original script writes.
  for (const path of [
    'output/smoke/models/tiny-dense/baseline/model_profile.json',
    'output/smoke/presets/calibrated_preset_tiny-dense.yaml',
    `${DENSE}/certificates/calibration/calibration_stats.json`,
    'output/smoke/tiny-moe/certificates/quant_8bit_clean/run_2/evaluation.cert.json',
    `${DENSE}/certificates/errors/nan_injection/outcome.json`,
    `${DENSE}/evals/quant_8bit_clean_results.json`,
    `${DENSE}/models/quant_8bit_clean/edit_metadata.json`,
    'output/smoke/analysis/eval_results.csv',
    'output/smoke/analysis/invarlock_results.csv',
    'output/smoke/analysis/correlation_analysis.json',
    'output/smoke/analysis/judges.csv',
    'output/smoke/analysis/judges.json',
    'output/smoke/analysis/judgements.csv',
  ]) {
    expect(existsSync(join(checkout.root, path)), path).toBe(true);
  }

  // The two calibrations, and the two runs of a clean edit, saw windows of their own.
  const extract = (run: number): string => read(`${DENSE}/certificates/calibration/run_${run}/extract.json`);
  expect(extract(1)).not.toBe(extract(2));
  const certificate = (run: number): string =>
    read(`output/smoke/tiny-moe/certificates/quant_8bit_clean/run_${run}/evaluation.cert.json`);
  expect(certificate(1)).not.toBe(certificate(2));

  // NaN and Inf are refused, which is a detection; a stress edit hurts, another does not.
  const verdict = json('output/smoke/reports/final_verdict.json') as { complete: boolean };
  expect(verdict.complete).toBe(true);
  for (const error of ['nan_injection', 'inf_injection']) {
    expect(json(`${DENSE}/certificates/errors/${error}/outcome.json`)).toMatchObject({ status: 'refused' });
  }
  const worst = (edit: string): number => {
    const baseline = (json(`${DENSE}/evals/baseline_results.json`) as Evaluation).benchmarks;
    const { benchmarks } = json(`${DENSE}/evals/${edit}_results.json`) as Evaluation;
    return Math.max(
      ...Object.entries(benchmarks).map(([name, { accuracy }]) => (baseline[name]?.accuracy ?? 0) - accuracy),
    );
  };
  expect(worst('svd_rank32_stress')).toBeGreaterThan(0.1);
  expect(worst('fp4_aggressive_stress')).toBeLessThan(0.1);

  // The suite can be assessed: enough edits are shown harmful, enough harmless. What ruins a model is harmful for sure.
  const { finding, labels } = json('output/smoke/reports/final_verdict.json') as {
    finding: { status: string; sensitivity: { of: number }; specificity: { of: number } };
    labels: { name: string; label: string | null; flagged: boolean | null }[];
  };
  expect(finding.status).not.toBe('NOT_ASSESSABLE');
  expect(finding.sensitivity.of).toBeGreaterThanOrEqual(5);
  expect(finding.specificity.of).toBeGreaterThanOrEqual(5);
  const labelOf = (name: string) => labels.find((one) => one.name === name);
  for (const ruined of [
    'tiny-dense/svd_rank32_stress',
    'tiny-dense/quant_2bit_stress',
    'tiny-moe/svd_rank16_stress',
  ]) {
    expect(labelOf(ruined), ruined).toMatchObject({ label: 'harmful', flagged: true });
  }
  expect(labelOf('tiny-dense/quant_8bit_clean')).toMatchObject({ label: 'harmless', flagged: false });

  // InvarLock beside other judges: each judged every edit and error, or says why not; what they took is counted.
  const { judges, beyond_a_threshold: beyond } = json('output/smoke/analysis/judges.json') as {
    judges: {
      judge: string;
      counts: Record<string, number>;
      auc: { auc: number };
      cost: { cells: number };
    }[];
    beyond_a_threshold: { variants: number; sentence: string };
  };
  const judgeOf = (name: string) => judges.find(({ judge }) => judge === name);
  expect(judges).toHaveLength(17);
  for (const { counts } of judges) {
    expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(labels.length);
  }
  expect(judgeOf('invarlock')?.counts.undecided).toBe(0);
  expect(judgeOf('perplexity-1.10')?.auc.auc).toBeGreaterThan(0.8);
  // Of the edits' and errors' own records.
  expect(judgeOf('weight-error')?.counts.undecided).toBeLessThan(labels.length / 2);
  expect(judgeOf('invarlock')?.cost.cells).toBeGreaterThan(judgeOf('perplexity-1.10')?.cost.cells ?? NaN);
  expect(judgeOf('always')?.cost.cells).toBe(0);
  expect(beyond.variants).toBeGreaterThanOrEqual(15);

  // Another program, in another language, comes to the same labels and the same finding.
  const recomputed = await checkout.run('.venv/bin/python', [
    'test/e2e/recompute_finding.py',
    'output/smoke',
  ]);
  expect(recomputed.output).toContain('"status"');
  expect(recomputed.exitCode, recomputed.output).toBe(0);

  // Again: from the cache, on a terminal too, and from receipts after `nx reset`. No attempt is added.
  const attempts = async (): Promise<string> =>
    (await checkout.run('find', ['output/smoke/logs', '-name', 'attempt-*'])).output;
  const before = await attempts();
  const text = read('output/smoke/reports/final_verdict.txt');
  const cached = await checkout.nx('run-many', '-t', 'certify');
  expect(cached.exitCode).toBe(0);
  expect(cached.output).toContain('all 84 cells finished');
  if (process.platform === 'linux') {
    const terminal = await checkout.run('script', ['-qec', 'npx nx run-many -t certify', '/dev/null']);
    expect(terminal.output).toContain('all 84 cells finished');
  }
  await checkout.nx('reset');
  const restored = await checkout.nx('run-many', '-t', 'certify');
  expect(restored.exitCode).toBe(0);
  expect(restored.output).toContain('all 84 cells finished');
  expect(await attempts()).toBe(before);
  expect(read('output/smoke/reports/final_verdict.txt')).toBe(text);
  console.log(`cached: ${cached.seconds.toFixed(1)} s, after nx reset: ${restored.seconds.toFixed(1)} s`);

  // InvarLock 0.12 and 0.17 and the guards on the true baseline, where the suite asks for them: nothing else runs again.
  const suite = read('suites/smoke/suite.yaml');
  writeFileSync(
    join(checkout.root, 'suites/smoke/suite.yaml'),
    `${suite}\njudges: [${ALL_JUDGES.join(', ')}]\n`,
  );
  const made = await checkout.nx('g', './tools:suite', 'smoke');
  expect(made.exitCode, made.output).toBe(0);
  const asked = await checkout.nx('run-many', '-t', 'certify', '-p', 'tag:model:tiny-moe');
  expect(asked.exitCode, asked.output).toBe(0);
  console.log(`tiny-moe, three more judges: ${asked.seconds.toFixed(0)} s`);
  const known = new Set(before.split('\n'));
  const added = (await attempts()).split('\n').filter((path) => !known.has(path));
  expect(added.length).toBeGreaterThanOrEqual(5 + 1 + 4);
  for (const path of added)
    expect(path).toMatch(
      /\/tiny-moe\/[^/]+\/(baseline-0\.12-1|certify-0\.12-1|regression|guards)\/attempt-1$/,
    );
  const judged = await checkout.nx('run', 'smoke:verdict', '--excludeTaskDependencies');
  expect(judged.exitCode, judged.output).toBe(0);
  const counts = new Map(
    (json('output/smoke/analysis/judges.json') as { judges: typeof judges }).judges.map((each) => [
      each.judge,
      (each.counts.flagged ?? 0) + (each.counts.passed ?? 0),
    ]),
  );
  // All of tiny-moe's five; 0.17 goes by answers, and a model of NaN gives none.
  expect(counts.get('invarlock-0.12')).toBe(5);
  expect(counts.get('invarlock-0.17')).toBe(4);
  expect(counts.get('invarlock-true-baseline-rmt')).toBeGreaterThanOrEqual(4);
});
