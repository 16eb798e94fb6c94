// With `keep: baselines` a suite whose weights would not fit all at once runs on a small disk: the peak is told before it
// starts, and leases keep to it.
import { mkdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { Rig, SMALL_SUITE } from '../support/rig/workspace.js';

const MIB = 1 << 20;
const DISK = 400 * MIB;
const FLOOR = 52 * MIB;

async function mounted(path: string): Promise<boolean> {
  mkdirSync(path);
  const mount = await execa('mount', ['-t', 'tmpfs', '-o', `size=${DISK}`, 'tmpfs', path], { reject: false });
  return mount.exitCode === 0;
}

test('four weights of 100 MiB go through a disk that holds three', { timeout: 300_000 }, async (context) => {
  await using rig = new Rig(SMALL_SUITE);
  const store = join(rig.root, '.weights');
  if (!(await mounted(store))) context.skip('no file system may be mounted here');
  try {
    rig.edit('workspace-config/site.yaml', (text) =>
      text
        .replace('min_free_gib: auto', `min_free_gib: ${FLOOR / 2 ** 30}`)
        .replace('keep: all', 'keep: baselines'),
    );
    await rig.generate();
    rig.script({ '*': { bytes: 100 * MIB } });
    // What the baseline weighs is known then, and all else by it.
    expect((await rig.nx(['run', 'rig.m.baseline:setup'])).exitCode).toBe(0);

    const run = rig.certify();
    const over = new AbortController();
    void run.then(() => {
      over.abort();
    });
    let leastFree = Infinity;
    while (!over.signal.aborted) {
      const { bavail, bsize } = statfsSync(store);
      leastFree = Math.min(leastFree, bavail * bsize);
      await sleep(20);
    }
    const { output, exitCode } = await run;
    expect(output).toMatch(
      /^rig: disk: \d+(\.\d)? (B|[KM]iB) of weights are to be made and stay; at least 1\d\d MiB at its peak, and up to [23]\d\d MiB where there is room \(storage\.keep: baselines\)/m,
    );
    expect(output).toContain('all 15 cells finished');
    expect(output).not.toContain('disk_full');
    expect(exitCode).toBe(0);
    expect(leastFree).toBeGreaterThanOrEqual(FLOOR);
    expect(leastFree).toBeLessThan(DISK - 150 * MIB);
  } finally {
    await execa('umount', ['-l', store]);
  }
});
