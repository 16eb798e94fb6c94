// All judges side by side on suite dose: with those that have cells of their own, which are InvarLock 0.12 and 0.17 from their own
// environments and the guards prepared on the true baseline. The table of docs/findings.md is of such a run.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ALL_JUDGES } from '../../tools/suite/model/suite.js';
import { Checkout } from '../e2e/checkout.mjs';

interface Judged {
  judge: string;
  counts: { flagged: number; passed: number; undecided: number };
  sensitivity: { hits: number; of: number };
}

test('suite dose, judged by every judge there is', async () => {
  await using checkout = await Checkout.create();
  const suiteFile = join(checkout.root, 'suites/dose/suite.yaml');
  const judges = `judges: [${ALL_JUDGES.join(', ')}]`;
  writeFileSync(suiteFile, `${readFileSync(suiteFile, 'utf8').replace(/^judges:.*\n/m, '')}\n${judges}\n`);
  const made = await checkout.nx('g', './tools:suite', 'dose');
  expect(made.exitCode, made.output).toBe(0);
  const run = await checkout.nx('run', 'dose:certify');
  expect(run.exitCode, run.output).toBe(0);
  const read = (path: string): string => readFileSync(join(checkout.root, 'output/dose', path), 'utf8');
  console.log(`dose with all judges: ${run.seconds.toFixed(0)} s\n${read('reports/final_verdict.txt')}`);

  const { judges: found, complete } = JSON.parse(read('analysis/judges.json')) as {
    complete: boolean;
    judges: Judged[];
  };
  expect(complete).toBe(true);
  const of = (name: string): Judged | undefined => found.find(({ judge }) => judge === name);
  const total = (name: string): number => Object.values(of(name)?.counts ?? {}).reduce((a, b) => a + b, 0);
  const variants = total('invarlock');
  expect(variants).toBe(40);
  for (const name of [
    'invarlock-true-baseline-spectral',
    'invarlock-true-baseline-rmt',
    'invarlock-0.12',
    'invarlock-0.17',
  ])
    expect(total(name), name).toBe(variants);
  // The two errors that cannot be loaded are InvarLock 0.3.7's alone; a process of 0.12 that failed would be one more.
  expect(of('invarlock-0.12')?.counts.undecided).toBe(2);
  // Two bits and half of the ranks ruin this model: whoever looks at answers or at perplexity sees it.
  for (const name of ['invarlock', 'invarlock-0.12', 'invarlock-0.17'])
    expect(of(name)?.sensitivity.hits, name).toBeGreaterThan(0);
});
