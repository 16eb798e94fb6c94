// The lock directory as somebody else left it: every damage is told in a line, crashes nothing and gives no GPU twice.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openLockDirectory } from '../../../tools/execution/lease/directory/lock-directory.js';
import { LeaseRig, until } from '../../support/lease/rig.js';

const TIMEOUT = { timeout: 120_000 };
const isRoot = process.getuid?.() === 0;

/** A process in a PID namespace of its own, where the system lets one have it. */
const UNSHARE = [
  'unshare',
  ...(isRoot ? [] : ['--user', '--map-root-user']),
  '--pid',
  '--fork',
  '--mount-proc',
];
const canUnshare = spawnSync(UNSHARE[0] ?? '', [...UNSHARE.slice(1), 'true']).status === 0;

/** What somebody may leave in place of a file. */
const DAMAGES: Record<string, (path: string) => void> = {
  truncated: (path) => {
    truncateSync(path, 20);
  },
  empty: (path) => {
    truncateSync(path, 0);
  },
  foreign: (path) => {
    writeFileSync(path, '{"hello": "world"}\n');
  },
  huge: (path) => {
    truncateSync(path, 5 * 2 ** 30);
  },
  'a symbolic link': (path) => {
    copyFileSync(path, `${path}.elsewhere`);
    rmSync(path);
    symlinkSync(`${path}.elsewhere`, path);
  },
  'a directory': (path) => {
    rmSync(path);
    mkdirSync(path);
  },
  'a pipe': (path) => {
    rmSync(path);
    execFileSync('mkfifo', [path]);
  },
};
const KINDS = Object.keys(DAMAGES);

test('damaged lease files: what they hold stays held, each is told, and all heal', TIMEOUT, async () => {
  await using rig = new LeaseRig(KINDS.length);
  const holders = await Promise.all(KINDS.map((kind) => rig.holder(kind)));
  const paths = KINDS.map((kind) => rig.leasePath(kind));
  // Stopped meanwhile: their heartbeats would restore the files before they are seen.
  for (const holder of holders) holder.kill('SIGSTOP');
  for (const [at, kind] of KINDS.entries()) DAMAGES[kind]?.(paths[at] ?? '');
  const other = await rig.waiter('other');
  for (const path of paths) {
    expect(other.lines.filter((line) => line.startsWith(path))).toEqual([
      expect.stringContaining('what it stands for stays held'),
    ]);
  }
  expect(other.said('granted')).toBeUndefined();
  for (const holder of holders) holder.kill('SIGCONT');
  await until(() => rig.leases().length === KINDS.length);
  expect(other.said('granted')).toBeUndefined();
  for (const holder of holders) {
    expect(holder.said('failed')).toBeUndefined();
    holder.release();
  }
  await other.until('granted');
});

test('a damaged lease whose executor is dead holds nothing once its worker is gone', TIMEOUT, async () => {
  await using rig = new LeaseRig(2);
  const kinds = ['truncated', 'a pipe'];
  const holders = await Promise.all(kinds.map((kind) => rig.holder(kind, { work: { mode: 'deaf' } })));
  const paths = kinds.map((kind) => rig.leasePath(kind));
  for (const holder of holders) holder.kill('SIGKILL');
  await Promise.all(holders.map(({ ended }) => ended));
  for (const [at, kind] of kinds.entries()) DAMAGES[kind]?.(paths[at] ?? '');
  const both = rig.start('both', { needs: { gpus: 2 }, work: { seconds: 0 } });
  await both.until('released');
  expect(rig.gpus.violations()).toEqual([]);
  await rig.settle();
  expect(rig.remains().filter((name) => !name.endsWith('.elsewhere'))).toEqual([]);
});

test('a lease file that was removed: the GPU lock holds until the file stands again', TIMEOUT, async () => {
  await using rig = new LeaseRig(1);
  const holder = await rig.holder('holder');
  const path = rig.leasePath('holder');
  rmSync(path);
  const other = await rig.waiter('other');
  expect(other.lines[0]).toContain('is gone, but its GPU lock is not');
  await until(() => existsSync(path));
  expect(other.said('granted')).toBeUndefined();
  holder.release();
  await other.until('granted');
});

test('GPU locks that are removed or damaged are written anew', TIMEOUT, async () => {
  await using rig = new LeaseRig(KINDS.length + 1);
  const holder = await rig.holder('train', { needs: { gpus: KINDS.length + 1 } });
  const paths = rig.gpus.uuids.map((_, index) => join(rig.directory.gpus, `gpu_${index}.lock`));
  const texts = paths.map((path) => readFileSync(path, 'utf8'));
  expect(texts.map((text) => text.split(' ')[0])).toEqual(paths.map(() => 'train'));
  for (const [at, kind] of KINDS.entries()) DAMAGES[kind]?.(paths[at] ?? '');
  rmSync(paths.at(-1) ?? '');
  const isWhole = (path: string, at: number): boolean => {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    return stats?.isFile() === true && stats.size < 1_000 && readFileSync(path, 'utf8') === texts[at];
  };
  await until(() => paths.every(isWhole));
  holder.release();
  await holder.until('released');
  expect(paths.filter((path) => existsSync(path))).toEqual([]);
});

test(
  'tickets that are removed or damaged are made anew, and others do not stumble over them',
  TIMEOUT,
  async () => {
    await using rig = new LeaseRig(1);
    const holder = await rig.holder('holder');
    const waiting = [];
    const ids: string[] = [];
    for (const kind of ['removed', 'empty', 'truncated', 'a symbolic link']) {
      waiting.push(await rig.waiter(kind));
      const id = readdirSync(rig.directory.tickets).find((name) => !ids.includes(name)) ?? '';
      ids.push(id);
      if (kind === 'removed') rmSync(join(rig.directory.tickets, id), { recursive: true });
      else DAMAGES[kind]?.(join(rig.directory.tickets, id, 'ticket.json'));
    }
    const tickets = ids.map((id) => join(rig.directory.tickets, id, 'ticket.json'));
    await until(() =>
      tickets.every(
        (path) =>
          lstatSync(path, { throwIfNoEntry: false })?.isFile() === true &&
          readFileSync(path, 'utf8').endsWith('}\n'),
      ),
    );
    holder.release();
    // Each in turn gets the one GPU.
    for (const executor of waiting)
      void executor.until('granted').then(() => {
        executor.release();
      });
    await Promise.all(waiting.map((executor) => executor.until('released')));
  },
);

test.each(['progress', 'readings'] as const)(
  'damaged files in %s/ are written anew',
  TIMEOUT,
  async (folder) => {
    await using rig = new LeaseRig(1);
    (await rig.holder('first')).release();
    for (const kind of KINDS) {
      for (const name of readdirSync(rig.directory[folder]).filter((each) => each.endsWith('.json'))) {
        DAMAGES[kind]?.(join(rig.directory[folder], name));
      }
      const next = await rig.holder(kind);
      next.release();
      await next.until('released');
    }
  },
);

test("what is nobody's in the directory is told and left alone", TIMEOUT, async () => {
  await using rig = new LeaseRig(1);
  const strange = [join(rig.directory.leases, 'notes.txt'), join(rig.directory.tickets, 'old')];
  for (const path of strange) writeFileSync(path, 'x');
  // A lease copied by hand would hold its GPUs twice.
  const holder = await rig.holder('holder');
  const copy = rig.leasePath('holder').replace(/[0-9a-f]{12}\.json$/, '000000000000.json');
  copyFileSync(rig.leasePath('holder'), copy);
  const next = await rig.waiter('next');
  expect(next.lines).toEqual(
    expect.arrayContaining([
      `${rig.root}: "notes.txt" is not this suite's and is left alone`,
      `${rig.root}: "old" is not this suite's and is left alone`,
      expect.stringContaining('is a copy of'),
    ]),
  );
  holder.release();
  await next.until('granted');
  expect(strange.every((path) => existsSync(path))).toBe(true);
});

test(
  'a lock directory that is removed while it is used stands again, closed to others',
  TIMEOUT,
  async () => {
    await using rig = new LeaseRig(2);
    const holder = await rig.holder('holder', { work: {} });
    const second = await rig.holder('second', { work: {} });
    const waiting = await rig.waiter('waiting', { work: { seconds: 0 } });
    // Moved first: while files are removed one by one, others write new ones.
    renameSync(rig.root, `${rig.root}-gone`);
    rmSync(`${rig.root}-gone`, { recursive: true });
    await until(() => existsSync(rig.root) && rig.leases().length === 2);
    expect(() => openLockDirectory(rig.root)).not.toThrow();
    holder.kill('SIGTERM');
    await waiting.until('released');
    expect(rig.gpus.violations()).toEqual([]);
    second.kill('SIGTERM');
    await second.ended;
  },
);

test.skipIf(!canUnshare)('another PID namespace is refused, and disturbs nobody', TIMEOUT, async () => {
  await using rig = new LeaseRig(1);
  const holder = await rig.holder('holder');
  const waiting = await rig.waiter('waiting');
  const stranger = rig.start('stranger', { wrap: UNSHARE });
  await stranger.ended;
  expect(stranger.said('failed')?.message).toMatch(
    /lock directory .* is used by process \d+ of another PID namespace \(container\) of host .*Give each its own/,
  );
  holder.release();
  await waiting.until('granted');
  expect(waiting.lines.filter((line) => !/^wait(ing|ed)\b/.test(line))).toEqual([]);
});

test('a lease of another host or container is refused: nobody here can tell who lives', TIMEOUT, async () => {
  await using rig = new LeaseRig(1);
  const holder = await rig.holder('holder');
  const path = rig.leasePath('holder');
  const lease = JSON.parse(readFileSync(path, 'utf8')) as { executor: object };
  holder.kill('SIGKILL');
  await holder.ended;
  for (const [stranger, words] of [
    [{ host: 'elsewhere', bootId: 'another' }, 'another host (elsewhere)'],
    [{ pidNamespace: 'pid:[1]' }, 'another PID namespace'],
    [{ timeNamespace: 'time:[1]' }, 'another time namespace'],
    // Its heartbeat is of this minute: no earlier boot wrote it.
    [{ bootId: 'another' }, "another system with this host's name"],
  ] as const) {
    writeFileSync(path, JSON.stringify({ ...lease, executor: { ...lease.executor, ...stranger } }));
    const next = rig.start('next');
    await next.ended;
    expect(next.said('failed')?.message).toContain(words);
    expect(readdirSync(rig.directory.tickets)).toEqual([]);
  }
});

test('mode, owner and links of the directory and its parts are checked', () => {
  const root = mkdtempSync(join(tmpdir(), 'validation-lease-'));
  const open = (): unknown => openLockDirectory(root);
  expect(open).not.toThrow();
  chmodSync(root, 0o750);
  expect(open).toThrow(`lock directory ${root} is open to other users (mode 750, 700 wanted)`);
  chmodSync(root, 0o500);
  expect(open).toThrow('is closed to you (mode 500, 700 wanted)');
  chmodSync(root, 0o700);
  const leases = join(root, 'leases');
  rmSync(leases, { recursive: true });
  symlinkSync(tmpdir(), leases);
  expect(open).toThrow(`lock directory ${leases} is a symbolic link`);
  rmSync(leases);
  writeFileSync(leases, '');
  expect(open).toThrow('is not a directory');
  rmSync(leases);
  const link = `${root}-link`;
  symlinkSync(root, link);
  expect(() => openLockDirectory(link)).toThrow('is a symbolic link');
  rmSync(link);
  rmSync(root, { recursive: true });
});

test.skipIf(!isRoot)('a directory of another user is refused', () => {
  const root = mkdtempSync(join(tmpdir(), 'validation-lease-'));
  execFileSync('chown', ['12345', root]);
  expect(() => openLockDirectory(root)).toThrow('belongs to user 12345, not to you (0)');
  rmSync(root, { recursive: true });
});

/** A small file system of its own, for what root may not simply forbid itself. */
function mounted(options: string): { root: string } & Disposable {
  const root = mkdtempSync(join(tmpdir(), 'validation-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `mode=700,${options}`, 'tmpfs', root]);
  } catch (error) {
    rmdirSync(root);
    throw error;
  }
  return {
    root,
    [Symbol.dispose]() {
      execFileSync('umount', ['--lazy', root]);
      rmdirSync(root);
    },
  };
}

const canMount =
  isRoot &&
  (() => {
    try {
      mounted('size=64k')[Symbol.dispose]();
      return true;
    } catch {
      return false;
    }
  })();

test.skipIf(!canMount)('a read-only directory is an error in one line', TIMEOUT, async () => {
  using mount = mounted('size=1m');
  await using rig = new LeaseRig(1, mount.root);
  execFileSync('mount', ['-o', 'remount,ro', mount.root]);
  const executor = rig.start('cell');
  await executor.ended;
  expect(executor.said('failed')?.message).toMatch(
    /^lock directory .* cannot be used: EROFS.*leases.directory/,
  );
  execFileSync('mount', ['-o', 'remount,rw', mount.root]);
});

test.skipIf(!canMount)(
  'a full directory is an error in one line, keeps what is held, and frees what is given back',
  TIMEOUT,
  async () => {
    using mount = mounted('size=256k');
    await using rig = new LeaseRig(1, mount.root);
    const holder = await rig.holder('holder');
    const waiting = await rig.waiter('waiting');
    const fill = spawnSync('dd', ['if=/dev/zero', `of=${mount.root}/ballast`, 'bs=4k'], { encoding: 'utf8' });
    expect(fill.stderr).toContain('No space left');
    const late = rig.start('late');
    await late.ended;
    expect(late.said('failed')?.message).toMatch(/^lock directory .* cannot be used: ENOSPC/);
    holder.release();
    await holder.until('released');
    expect(holder.said('failed')).toBeUndefined();
    rmSync(join(mount.root, 'ballast'));
    await waiting.until('granted');
    expect(rig.gpus.violations()).toEqual([]);
  },
);
