// The short form of test/nightly/smi-storm.mjs: whatever nvidia-smi does, no cell fails and no GPU is used twice.
import { expect, test } from 'vitest';
import { smiStorm } from '../../support/lease/smi-storm.mjs';

test('cells wait out an nvidia-smi that is slow, fails, hangs and lies', { timeout: 300_000 }, async () => {
  const seed = Number(process.env.STORM_SEED ?? 1 + Math.floor(Math.random() * 1e6));
  const report = await smiStorm({ seed, cells: 60 });
  console.log(`seed ${seed}: ${JSON.stringify(report)}`);
  expect(report).toMatchObject({ done: 60, failed: [], violations: [] });
});
