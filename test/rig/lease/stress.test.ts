// The short form of test/nightly/lease-stress.mjs: no GPU used twice, none lost, whoever is killed.
import { expect, test } from 'vitest';
import { stress } from '../../support/lease/stress.mjs';

test(
  'executors, workers and their nx are killed at random: no GPU is used twice, none is lost',
  { timeout: 400_000 },
  async () => {
    const seed = Number(process.env.STRESS_SEED ?? 1 + Math.floor(Math.random() * 1e6));
    const report = await stress({ seed, executors: 60, atOnce: 30, killEveryMs: 400 });
    console.log(`seed ${seed}: ${JSON.stringify(report)}`);
    expect(report).toMatchObject({ violations: [], missing: [], remains: [] });
    // It was no idle run.
    expect(report.workers).toBeGreaterThan(10);
  },
);
