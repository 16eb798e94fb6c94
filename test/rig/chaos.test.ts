// SIGKILL at random, seeded: whatever dies, nothing is lost. `npm run nightly -- --seed N` does it twenty times as long.
import { expect, test } from 'vitest';
import { chaos } from '../support/rig/chaos.js';

const KILLS = 25;

test('twenty-five kills of nx, executors and workers lose nothing', { timeout: 600_000 }, async () => {
  const seed = Number(process.env.CHAOS_SEED ?? 1);
  const outcome = await chaos(seed, KILLS);
  console.log(`seed ${seed}: ${JSON.stringify({ ...outcome, violations: outcome.violations.length })}`);
  expect(outcome.violations).toEqual([]);
  expect(outcome.kills.nx + outcome.kills.executor + outcome.kills.worker).toBeGreaterThanOrEqual(KILLS);
  expect(Math.min(...Object.values(outcome.kills))).toBeGreaterThan(0);
});
