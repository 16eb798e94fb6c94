// The long form of test/rig/chaos.test.ts: five hundred kills.
import { expect, test } from 'vitest';
import { chaos } from '../support/rig/chaos.js';

test('five hundred kills of nx, executors and workers lose nothing', async () => {
  const seed = Number(process.env.CHAOS_SEED ?? 1);
  const kills = Number(process.env.CHAOS_KILLS ?? 500);
  const outcome = await chaos(seed, kills);
  console.log(`seed ${seed}: ${JSON.stringify(outcome)}`);
  expect(outcome.violations).toEqual([]);
});
