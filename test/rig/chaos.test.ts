// SIGKILL at random, seeded: whatever dies, nothing is lost. `npm run nightly -- --seed N` does it ten times as long.
import { expect, test } from 'vitest';
import { chaos } from '../support/rig/chaos.js';

test('fifty kills of nx, executors and workers lose nothing', { timeout: 600_000 }, async () => {
  const seed = Number(process.env.CHAOS_SEED ?? 1);
  const outcome = await chaos(seed, 50);
  console.log(`seed ${seed}: ${JSON.stringify({ ...outcome, violations: outcome.violations.length })}`);
  expect(outcome.violations).toEqual([]);
  expect(outcome.kills.nx + outcome.kills.executor + outcome.kills.worker).toBeGreaterThanOrEqual(50);
  expect(Math.min(...Object.values(outcome.kills))).toBeGreaterThan(0);
});
