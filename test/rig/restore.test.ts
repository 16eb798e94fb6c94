// `nx run <suite>:restore`: one look at all receipts instead of a process a cell, after `nx reset` or in a clone.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { restoredLines } from '../../tools/monitoring/run/restore.js';
import { Rig, SMALL_SUITE } from '../support/rig/workspace.js';

const PRESET = 'output/rig/presets/calibrated_preset_m.receipt.json';

test(
  'finished cells are back in the cache of Nx, the others are named, and nothing runs',
  { timeout: 420_000 },
  async () => {
    await using rig = new Rig(SMALL_SUITE);
    await rig.generate();
    const none = await rig.nx(['run', 'rig:restore']);
    expect(none.output).toContain("rig: 0 of 15 cells are back in Nx's cache by their receipts");
    expect(none.output).toContain('rig.m.baseline:setup: runs: no receipt');
    expect(rig.takeStarted()).toEqual([]);

    expect((await rig.certify()).exitCode).toBe(0);
    rig.takeStarted();
    await rig.nx(['reset']);
    const whole = await rig.nx(['run', 'rig:restore']);
    expect(whole.output).toContain("rig: 15 of 15 cells are back in Nx's cache by their receipts");
    expect(whole.exitCode).toBe(0);
    // Not by receipts: Nx answers each of them.
    const cached = await rig.certify('--output-style=static');
    expect(cached.exitCode).toBe(0);
    expect(cached.output.match(/\[local cache\]|\[existing outputs match the cache/g)).toHaveLength(15);
    expect(rig.takeStarted()).toEqual([]);
    const again = await rig.nx(['run', 'rig:restore']);
    expect(again.output).toContain(
      "0 of 15 cells are back in Nx's cache by their receipts, 15 were there already",
    );

    // One that is not finished is named, and is all that runs then.
    await rig.nx(['reset']);
    rmSync(join(rig.root, PRESET));
    const partly = await rig.nx(['run', 'rig:restore']);
    expect(partly.output).toContain('rig.m.baseline:preset: runs:');
    expect(partly.output).toContain('1 are not finished');
    expect((await rig.certify()).exitCode).toBe(0);
    expect(rig.takeStarted()).toEqual(['rig.m.baseline:preset']);

    const batch = await rig.nx(['run', 'rig.m.baseline:setup', '--skip-nx-cache'], { NX_BATCH_MODE: 'true' });
    expect(batch.output).toContain('leave out --batch and NX_BATCH_MODE');
    expect(batch.exitCode).not.toBe(0);
  },
);

test('many unfinished cells are counted', () => {
  const looked = Array.from({ length: 12 }, (_, n) => ({ cell: `s.m.v${n}:edit`, why: 'runs: no receipt' }));
  const lines = restoredLines('s', 20, [{ cell: 's.m.baseline:setup' }, ...looked]);
  expect(lines[0]).toBe(
    "s: 1 of 20 cells are back in Nx's cache by their receipts; 12 are not finished (7 others were there already or wait for these):",
  );
  expect(lines).toHaveLength(13);
  expect(lines.at(-2)).toBe('  and 2 more');
});
