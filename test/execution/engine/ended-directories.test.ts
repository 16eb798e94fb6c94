// Lock directories of Slurm jobs that were killed: which are removed, and which stay. A squeue that says what a site's would.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { removeEndedDirectories } from '../../../tools/execution/engine/slurm/ended-directories.js';
import { newId } from '../../../tools/execution/lease/directory/ids.js';
import { openLockDirectory } from '../../../tools/execution/lease/directory/lock-directory.js';

let root: string;
const at = (name: string): string => join(root, name);
const squeue = (script: string): void => {
  writeFileSync(at('bin/squeue'), `#!/bin/sh\n${script}\n`);
  chmodSync(at('bin/squeue'), 0o755);
};

function left(name: string, { minutesAgo = 60, lives = false } = {}): void {
  const { heartbeats } = openLockDirectory(at(name));
  const then = new Date(Date.now() - minutesAgo * 60_000);
  const beat = join(heartbeats, `${newId()}.json`);
  if (lives) {
    writeFileSync(beat, '{}');
    utimesSync(beat, then, then);
  }
  const names = ['', 'tickets', 'leases', 'beats', 'breaks', 'gpus', 'readings', 'progress', 'jobs'];
  for (const of of names) utimesSync(at(join(name, of)), then, then);
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'validation-ended-'));
  mkdirSync(at('bin'));
  vi.stubEnv('PATH', `${at('bin')}${delimiter}${process.env.PATH ?? ''}`);
  squeue('printf "7|RUNNING\\n8|COMPLETED\\n9|PENDING\\n"');
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

test('those of jobs that ended or that nobody knows go, with and without GPUs in their names', async () => {
  for (const name of ['locks-slurm-8', 'locks-slurm-6-gpus-0-1']) left(name);
  expect((await removeEndedDirectories(at('locks-slurm-5-gpus-0'))).sort()).toEqual(
    [at('locks-slurm-6-gpus-0-1'), at('locks-slurm-8')].sort(),
  );
  expect(existsSync(at('locks-slurm-8'))).toBe(false);
});

test('all others stay', async () => {
  // Of jobs that run or wait, of this one, the site's own, another site's, and what only looks alike.
  const old = [
    'locks-slurm-7',
    'locks-slurm-9-gpus-0',
    'locks-slurm-5',
    'locks',
    'other-slurm-8',
    'locks-slurm-x',
  ];
  for (const name of old) left(name);
  left('locks-slurm-80', { minutesAgo: 1 });
  left('locks-slurm-81', { lives: true });
  mkdirSync(at('locks-slurm-82'), { mode: 0o755 });
  utimesSync(at('locks-slurm-82'), 0, 0);
  symlinkSync(at('other-slurm-8'), at('locks-slurm-83'));
  expect(await removeEndedDirectories(at('locks-slurm-5'))).toEqual([]);
  for (const name of [...old, 'locks-slurm-80', 'locks-slurm-81', 'locks-slurm-82', 'locks-slurm-83'])
    expect(existsSync(at(name)), name).toBe(true);
});

test('nothing is removed while the controller does not answer', async () => {
  left('locks-slurm-8');
  squeue('echo "slurm_load_jobs error: Unable to contact slurm controller" >&2; exit 1');
  expect(await removeEndedDirectories(at('locks'))).toEqual([]);
  expect(existsSync(at('locks-slurm-8'))).toBe(true);
});
