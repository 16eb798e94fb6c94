// The long forms of test/rig/lease: executors under fire, and cells under an nvidia-smi that is slow, fails and lies.
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';

const { CHAOS_SEED = '1', STORM_CELLS = '200', STRESS_MINUTES = '10' } = process.env;

test.each([
  ['smi-storm.mjs', '--cells', STORM_CELLS],
  ['lease-stress.mjs', '--minutes', STRESS_MINUTES],
])('%s finds nothing', async (script, ...rest) => {
  const { all, exitCode } = await execa(
    process.execPath,
    [join(import.meta.dirname, script), '--seed', CHAOS_SEED, ...rest],
    { reject: false, all: true, stdin: 'ignore' },
  );
  console.log(all);
  expect(all).toContain(`seed ${CHAOS_SEED}: ok`);
  expect(exitCode).toBe(0);
});
