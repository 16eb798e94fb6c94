// One GPU and several lock directories: of two temporary directories, and of two real users. The lock of the GPU, one for
// all of the host, gives it to one at a time.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openLockDirectory } from '../../../tools/execution/lease/directory/lock-directory.js';
import { Executor, requestOf } from '../../support/lease/executors.mjs';
import { LeaseRig, until } from '../../support/lease/rig.js';
import { REPOSITORY } from '../../support/repository.js';

const TIMEOUT = { timeout: 120_000 };
const OTHER_UID = 12_345;
const AS_OTHER = ['setpriv', `--reuid=${OTHER_UID}`, `--regid=${OTHER_UID}`, '--clear-groups'];

/** Whether another user can be had here, and read this checkout. */
const canBeOther =
  process.getuid?.() === 0 &&
  spawnSync(AS_OTHER[0] ?? '', [
    ...AS_OTHER.slice(1),
    process.execPath,
    '--check',
    join(REPOSITORY, 'test/support/lease/executor.mjs'),
  ]).status === 0;

/** Another lock directory for the same GPUs. */
function elsewhere(): { root: string } & Disposable {
  const root = mkdtempSync(join(tmpdir(), 'validation-lease-'));
  return {
    root,
    [Symbol.dispose]() {
      rmSync(root, { recursive: true, force: true });
    },
  };
}

function startIn(rig: LeaseRig, root: string, cell: string, wrap: string[] = []): Executor {
  const request = requestOf(cell, { pool: rig.gpus.uuids, gpuLocks: rig.gpus.locks });
  return new Executor(root, request, { env: rig.gpus.env, wrap, work: { seconds: 1 } });
}

const isTold = (executor: Executor, words: RegExp): boolean =>
  executor.lines.some((line) => words.test(line));

test('two temporary directories: the second waits, says who has the GPU, and gets it', TIMEOUT, async () => {
  await using rig = new LeaseRig(1);
  using second = elsewhere();
  const holder = await rig.holder('first', { work: {} });
  const waiting = startIn(rig, second.root, 'second');
  await until(() =>
    isTold(waiting, /is held outside of this lock directory: lease .* of first of .*process \d+/),
  );
  expect(waiting.said('granted')).toBeUndefined();
  holder.kill('SIGTERM');
  await waiting.until('released');
  expect(rig.gpus.violations()).toEqual([]);
});

test(
  'a holder that is killed leaves no lock; one whose lock file is removed locks again',
  TIMEOUT,
  async () => {
    await using rig = new LeaseRig(1);
    using second = elsewhere();
    const holder = await rig.holder('first');
    const lock = join(rig.gpus.locks, `${rig.gpus.uuids[0] ?? ''}.lock`);
    rmSync(lock);
    // Locked before its holder is written in it.
    await until(() => existsSync(lock) && readFileSync(lock, 'utf8') !== '');
    const waiting = startIn(rig, second.root, 'second');
    await until(() => isTold(waiting, /is held outside/));
    holder.kill('SIGKILL');
    await waiting.until('released');
    expect(rig.gpus.violations()).toEqual([]);
  },
);

test('many of two directories at once: one GPU, never two on it', TIMEOUT, async () => {
  await using rig = new LeaseRig(1);
  using second = elsewhere();
  const all = [1, 2, 3].flatMap((nth) => [
    startIn(rig, rig.root, `a-${nth}`),
    startIn(rig, second.root, `b-${nth}`),
  ]);
  await Promise.all(all.map((executor) => executor.until('released')));
  expect(rig.gpus.violations()).toEqual([]);
});

test.skipIf(!canBeOther)('two real users: each can read who has the GPU, and waits', TIMEOUT, async () => {
  await using rig = new LeaseRig(1);
  using second = elsewhere();
  execFileSync('chown', ['-R', String(OTHER_UID), second.root]);
  const mine = await rig.holder('mine');
  // What the scripted nvidia-smi and the workers write, both write.
  execFileSync('chmod', ['-R', 'a+rwX', rig.gpus.root]);
  const theirs = startIn(rig, second.root, 'theirs', AS_OTHER);
  await until(() => isTold(theirs, /is held outside of this lock directory: lease .* of mine of root/));
  mine.kill('SIGKILL');
  await theirs.until('working');
  execFileSync('chmod', ['-R', 'a+rwX', rig.gpus.root]);
  const again = rig.start('again', { work: { seconds: 0 } });
  await theirs.until('released');
  await again.until('released');
  expect(rig.gpus.violations()).toEqual([]);
});

test(
  'cells of one directory share a GPU by memory; another directory waits for the last of them',
  TIMEOUT,
  async () => {
    await using rig = new LeaseRig(1);
    using second = elsewhere();
    const sharing = { needs: { sharing: 'memory' } } as const;
    const cells: Executor[] = [];
    for (const name of ['a', 'b', 'c']) cells.push(await rig.holder(name, sharing));
    expect(rig.leases().map(({ gpus }) => gpus)).toEqual(Array(3).fill(rig.gpus.uuids));

    const request = requestOf('other', { pool: rig.gpus.uuids, gpuLocks: rig.gpus.locks, ...sharing.needs });
    const other = new Executor(second.root, request, { env: rig.gpus.env, work: { seconds: 0 } });
    await until(() =>
      isTold(other, /is held outside of this lock directory: lease .* shared in lock directory/),
    );
    // The one that came first ends, and one is killed: the last has it still, for itself and for those of its directory.
    cells[0]?.release();
    cells[1]?.kill('SIGKILL');
    await cells[0]?.until('released');
    const late = await rig.holder('late', sharing);
    expect(other.said('granted')).toBeUndefined();
    cells[2]?.release();
    late.release();
    await other.until('released');
  },
);

test('a place that cannot be used is an error that names it', TIMEOUT, async () => {
  await using rig = new LeaseRig(1);
  const executor = rig.start('cell', { needs: { gpuLocks: '/dev/null/gpus' } });
  await executor.ended;
  expect(executor.said('failed')?.message).toMatch(
    /the lock of a GPU cannot be had: ENOTDIR.*leases.gpu_locks/,
  );
});

test(
  'a directory that stands again grants nothing until its holders have written again',
  TIMEOUT,
  async () => {
    await using rig = new LeaseRig(2);
    const holder = await rig.holder('holder', { needs: { gpus: 0, cpuSlots: 1 } });
    const waiting = await rig.waiter('waiting', { needs: { gpus: 0, cpuSlots: 1 } });
    renameSync(rig.root, `${rig.root}-gone`);
    rmSync(`${rig.root}-gone`, { recursive: true });
    await until(() => existsSync(join(rig.root, 'leases')) && rig.leases().length === 1);
    expect(() => openLockDirectory(rig.root)).not.toThrow();
    expect(waiting.said('granted')).toBeUndefined();
    holder.release();
    await waiting.until('granted');
    waiting.release();
    await waiting.until('released');
  },
);
