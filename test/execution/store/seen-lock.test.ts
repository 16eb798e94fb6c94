// A lock of the weights store between real processes: seen while it is held, and not after its holder died; no trace of
// it stays.
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { holdLock, lockSeen, type HeldLock } from '../../../tools/execution/store/seen-lock.js';
import { DIST } from '../../support/repository.js';

let root: string;
let store: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'validation-seen-lock-'));
  store = join(root, 'on', 'disk');
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

const MODULE = JSON.stringify(join(DIST, 'execution', 'store', 'seen-lock.js'));

/** Another process does this, and says what comes of it. */
function elsewhere(code: string) {
  const script = `import { holdLock, lockSeen } from ${MODULE}; ${code}`;
  return execa(process.execPath, ['--input-type=module', '-e', script], { reject: false });
}

test('another process sees that it is held, and none of it is left', async () => {
  const { held, release } = holdLock(store);
  const ask = `console.log(lockSeen(${JSON.stringify(held)}))`;
  expect((await elsewhere(ask)).stdout).toBe('seen');
  // Who asked has not taken it.
  expect(lockSeen(held)).toBe('seen');
  release();
  expect(readdirSync(store)).toEqual([]);
  expect(lockSeen(held)).toEqual({ problem: expect.stringContaining('ENOENT') as string });
});

test('one that another process holds is seen here until that process ends, however it does', async () => {
  const holder = elsewhere(
    `console.log(JSON.stringify(holdLock(${JSON.stringify(store)}).held)); setInterval(() => {}, 1000);`,
  );
  const line = await new Promise<string>((resolve) =>
    holder.stdout.once('data', (data) => {
      resolve(String(data));
    }),
  );
  const held = JSON.parse(line) as HeldLock;
  expect(lockSeen(held)).toBe('seen');
  holder.kill('SIGKILL');
  await holder;
  expect(lockSeen(held)).toBe('not seen');
});

test('a head that can hold none says why, and leaves nothing', () => {
  writeFileSync(join(root, 'file'), '');
  const { held, release } = holdLock(join(root, 'file', 'store'));
  release();
  expect(held.ok).toBe(false);
  expect(lockSeen(held)).toEqual({
    problem: expect.stringMatching(/^the head can hold none: E\w+: .*file/) as string,
  });

  programs({ flock: 'echo "flock: 3: No locks available" >&2; exit 71' });
  expect(holdLock(store).held).toEqual({ ok: false, error: 'flock: 3: No locks available' });
  expect(readdirSync(store)).toEqual([]);
});

test('a node without a program that locks, or on a disk that refuses, tells so', () => {
  const { held, release } = holdLock(store);
  programs({});
  expect(lockSeen(held)).toEqual({
    problem: 'neither flock (util-linux) nor python3 is found. Install one of them.',
  });
  // The second program is asked where the first one cannot.
  programs({ flock: 'exit 71', python3: 'exit 1' });
  expect(lockSeen(held)).toBe('seen');
  programs({ flock: 'echo "Function not implemented" >&2; exit 71', python3: 'echo [Errno 38] >&2; exit 2' });
  expect(lockSeen(held)).toEqual({ problem: 'Function not implemented' });
  programs({ flock: 'exit 71' });
  expect(lockSeen(held)).toEqual({ problem: 'flock ended with exit code 71' });
  release();
});

/** The only programs there are. */
function programs(scripts: Record<string, string>): void {
  const directory = mkdtempSync(join(root, 'bin-'));
  for (const [name, script] of Object.entries(scripts)) {
    writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(directory, name), 0o755);
  }
  vi.stubEnv('PATH', directory);
}
