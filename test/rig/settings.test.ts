// Settings of the environment against real nx: identity variables stop a run, execution variables re-run nothing.
import { expect, test } from 'vitest';
import { Rig, SMALL_SUITE } from './workspace.js';

const ONE = ['run', 'rig.m.baseline:setup'];

test('a run is stopped before it starts, or not at all', { timeout: 120_000 }, async () => {
  await using rig = new Rig(SMALL_SUITE);
  await rig.generate();
  // Another tier than the cells were made with: nothing starts, cached or not.
  const other = await rig.nx(ONE, { INVARLOCK_TIER: 'conservative' });
  expect(other.exitCode).not.toBe(0);
  expect(other.output).toContain('INVARLOCK_TIER=conservative npx nx g ./tools:suite rig');
  const malformed = await rig.nx(ONE, { GPU_MIN_FREE_GB: 'much' });
  expect(malformed.exitCode).not.toBe(0);
  expect(malformed.output).toContain('environment variable GPU_MIN_FREE_GB: "much" is not allowed');
  const fromNothing = await rig.nx(ONE, { RESUME_MODE: 'false' });
  expect(fromNothing.exitCode).not.toBe(0);
  expect(fromNothing.output).toContain('RESUME_MODE=false npx nx run rig.m.baseline:setup --skip-nx-cache');
  expect(rig.takeStarted()).toEqual([]);

  expect((await rig.nx(ONE)).exitCode).toBe(0);
  expect(rig.takeStarted()).toEqual(['rig.m.baseline:setup']);
  // Execution settings, and an identity variable that says what is so anyway, change no hash.
  const again = await rig.nx(ONE, {
    GPU_MIN_FREE_GB: '1',
    TASK_TIMEOUT_SETUP: '99',
    EVAL_OVERHEAD_GB: '1',
    VALIDATION_STRATEGY: 'critical_path',
    INVARLOCK_TIER: 'balanced',
  });
  expect(again.exitCode).toBe(0);
  expect(again.output).toMatch(/local cache|existing outputs match/);
  expect(rig.takeStarted()).toEqual([]);
  expect((await rig.nx([...ONE, '--skip-nx-cache'], { RESUME_MODE: 'false' })).exitCode).toBe(0);
  expect(rig.takeStarted()).toEqual(['rig.m.baseline:setup']);
});
