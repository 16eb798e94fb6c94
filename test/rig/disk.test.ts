// A disk that is really full: a small file system of its own holds the weights store.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { Rig, SMALL_SUITE } from '../support/rig/workspace.js';

const MIB = 1 << 20;

/** A file system of 400 MiB at the store, or where none may be mounted a quota that the scripted Python keeps. */
async function smallStore(rig: Rig) {
  const path = join(rig.root, '.weights');
  mkdirSync(path);
  const mounted =
    process.env.RIG_NO_MOUNT !== '1' &&
    (await execa('mount', ['-t', 'tmpfs', '-o', 'size=400m', 'tmpfs', path], { reject: false })).exitCode ===
      0;
  if (!mounted) console.log('no file system may be mounted here: a quota stands in for a full disk');
  return {
    path,
    mounted,
    environment: mounted ? {} : { RIG_STORE_QUOTA: String(400 * MIB) },
    async [Symbol.asyncDispose]() {
      if (mounted) await execa('umount', ['-l', path]);
    },
  };
}

/** Whichever cells had no slot yet, or were to follow, when the disk ran short. */
const NOT_STARTED = /rig\.m\.\S+ failed \(disk_full\): not started/;

test(
  'a disk that runs short while cells run, one that is full, one that may not be written',
  { timeout: 900_000 },
  async () => {
    await using rig = new Rig(SMALL_SUITE);
    await using store = await smallStore(rig);
    // On one's own file system 0.1 GiB stay free; on the host's, the filler cannot make it short, but the floor can.
    rig.edit('workspace-config/site.yaml', (text) => text.replace('min_free_gib: auto', 'min_free_gib: 0.1'));
    await rig.generate();
    rig.script({
      'rig.m.edits:edit': { until: 'go-on' },
      'rig.m.baseline:calibrate-1': { until: 'go-on' },
    });
    const filler = join(store.path, 'filler');
    const run = rig.certify();
    while (!rig.exists('ran.jsonl') || !rig.read('ran.jsonl').includes('edits:edit')) await sleep(50);
    if (store.mounted) {
      writeFileSync(filler, Buffer.alloc(350 * MIB));
      while (!rig.read('output/rig/logs/main.log').includes('edits:edit: attempt 1 ends')) await sleep(50);
      rig.write('go-on', '');
      const short = await run;
      // The maker of weights is ended, nothing more starts, and the run says why it ended.
      expect(short.output).toMatch(
        /edits:edit failed \(disk_full\): ended: 0\.\d+ GiB of disk are free, under the 0\.1 GiB/,
      );
      expect(short.output).toMatch(NOT_STARTED);
      expect(short.output).toContain('the run ended for want of disk');
      expect(short.exitCode).not.toBe(0);
      expect(JSON.parse(rig.read('output/rig/state/disk_pressure.json'))).toMatchObject({ min_free_gb: 0.1 });
      rmSync(filler);
    } else {
      rig.edit('workspace-config/site.yaml', (text) =>
        text.replace('min_free_gib: 0.1', 'min_free_gib: 9999999'),
      );
      rig.write('go-on', '');
      expect((await run).output).toMatch(NOT_STARTED);
      rig.edit('workspace-config/site.yaml', (text) =>
        text.replace('min_free_gib: 9999999', 'min_free_gib: 0.1'),
      );
    }

    // The same command goes on, and the record goes.
    rig.script({});
    rig.takeRuns();
    const second = await rig.certify();
    expect(second.output).toContain('all 15 cells finished');
    expect(rig.exists('output/rig/state/disk_pressure.json')).toBe(false);
    expect(rig.takeStarted()).not.toContain('rig.m.baseline:setup');

    // Larger than anything planned, and nobody watches: Python meets the end of the disk itself.
    const inject = [
      'run',
      'rig.m.error_nan_injection:inject',
      '--skip-nx-cache',
      '--excludeTaskDependencies',
    ];
    rig.script({ 'rig.m.error_nan_injection:inject': { bytes: 500 * MIB } });
    const full = await rig.nx(inject, { ...store.environment, MIN_FREE_DISK_GB: '0' });
    expect(full.output).toMatch(
      /inject failed \(disk_full\): Python ended with exit code 1: .*(ENOSPC|No space left)/i,
    );
    rig.script({});
    for (const name of readdirSync(store.path))
      if (name.startsWith('.tmp-')) rmSync(join(store.path, name), { recursive: true });
    expect((await rig.nx(inject)).exitCode).toBe(0);

    // Planned weights that cannot fit are refused before anything starts, in a sentence.
    rmSync(join(rig.root, 'output/rig/m'), { recursive: true });
    rig.takeRuns();
    const refused = await rig.nx(['run-many', '-t', 'certify'], { MIN_FREE_DISK_GB: '9999999' });
    expect(refused.exitCode).not.toBe(0);
    expect(refused.output).toMatch(
      /planned weights do not fit: .* are still to be made and 9766 TiB stay free/,
    );
    expect(refused.output).not.toContain('    at ');
    expect(rig.takeStarted()).toEqual([]);

    if (!store.mounted) return;
    await execa('mount', ['-o', 'remount,ro', store.path]);
    const readOnly = await rig.nx(inject);
    expect(readOnly.output).toContain('inject failed (read_only): EROFS');
    expect(readOnly.output).not.toContain('    at ');
    await execa('mount', ['-o', 'remount,rw', store.path]);
  },
);
