// Results that may not be written: an error in a sentence before anything is computed, and the same command goes on.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { Rig, SMALL_SUITE } from '../support/rig/workspace.js';

test('an output directory that is read-only', { timeout: 120_000 }, async (context) => {
  await using rig = new Rig(SMALL_SUITE);
  await rig.generate();
  const output = join(rig.root, 'output');
  mkdirSync(output);
  const mount = await execa('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', output], { reject: false });
  if (mount.exitCode !== 0) context.skip('no file system may be mounted here');
  try {
    await execa('mount', ['-o', 'remount,ro', output]);
    const setup = ['run', 'rig.m.baseline:setup'];
    const refused = await rig.nx(setup, { MIN_FREE_DISK_GB: '0' });
    expect(refused.output).toMatch(/rig\.m\.baseline:setup failed \(read_only\): EROFS: .*output\/rig/);
    expect(refused.output).not.toMatch(/\n\s+at .*:\d+/);
    expect(refused.exitCode).not.toBe(0);
    expect(rig.takeStarted()).toEqual([]);
    await execa('mount', ['-o', 'remount,rw', output]);
    expect((await rig.nx(setup, { MIN_FREE_DISK_GB: '0' })).exitCode).toBe(0);
  } finally {
    await execa('umount', ['-l', output]);
  }
});
