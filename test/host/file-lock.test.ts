// The lock between real processes: none lost, none shared, a dead holder no obstacle.
import { existsSync, linkSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isLinked, withFileLock } from '../../tools/host/file-lock.js';
import { DIST } from '../support/repository.js';

const MODULE = join(DIST, 'host', 'file-lock.js');
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'validation-lock-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** A process that counts up under the lock, and may die while holding it. */
function counter(times: number, dieAfter = Infinity) {
  const script = `
    import { readFileSync, writeFileSync } from 'node:fs';
    import { withFileLock } from ${JSON.stringify(MODULE)};
    const file = ${JSON.stringify(join(directory, 'count'))};
    for (let i = 0; i < ${times}; i += 1) {
      await withFileLock(${JSON.stringify(join(directory, 'lock'))}, () => {
        const count = Number(readFileSync(file, 'utf8'));
        writeFileSync(file, String(count + 1));
        if (i >= ${dieAfter}) process.kill(process.pid, 'SIGKILL');
      });
    }`;
  return execa(process.execPath, ['--input-type=module', '-e', script], { reject: false });
}

test('a link that was made though its disk said that the name is there is one’s own', () => {
  const at = (name: string): string => join(directory, name);
  writeFileSync(at('own'), '');
  expect(isLinked(at('own'), at('lock'))).toBe(false);
  linkSync(at('own'), at('other-name'));
  writeFileSync(at('lock'), '');
  // Two names, and the lock is another's.
  expect(isLinked(at('own'), at('lock'))).toBe(false);
  rmSync(at('lock'));
  linkSync(at('own'), at('lock'));
  expect(isLinked(at('own'), at('lock'))).toBe(true);
});

test('eight processes count to 160, though three die holding the lock', async () => {
  writeFileSync(join(directory, 'count'), '0');
  const healthy = Array.from({ length: 8 }, () => counter(20));
  const mortal = Array.from({ length: 3 }, () => counter(5, 2));
  const ends = await Promise.all([...healthy, ...mortal]);
  expect(ends.slice(0, 8).map(({ exitCode }) => exitCode)).toEqual(Array(8).fill(0));
  // Each mortal one counted three times before it died.
  expect(readFileSync(join(directory, 'count'), 'utf8')).toBe(String(8 * 20 + 3 * 3));
  // The last to end may have been a mortal one: its lock is in nobody's way.
  expect(await withFileLock(join(directory, 'lock'), () => 'mine')).toBe('mine');
  expect(readdirSync(directory).filter((name) => name === 'lock' || name.includes('breaks'))).toEqual([]);
});

test('a holder that lives is waited for, then named', async () => {
  const lock = join(directory, 'lock');
  await withFileLock(lock, async () => {
    await expect(withFileLock(lock, () => 1, { timeoutMs: 50 })).rejects.toThrow(
      `held by process ${process.pid}`,
    );
  });
  expect(await withFileLock(lock, () => 2)).toBe(2);
});

test('a file that is no lock is named, not guessed at', async () => {
  const lock = join(directory, 'lock');
  writeFileSync(lock, 'garbage');
  await expect(withFileLock(lock, () => 1)).rejects.toThrow(`${lock} is not a lock this suite wrote`);
});

test('a lock removed by hand and taken by another is not taken from them', async () => {
  const lock = join(directory, 'lock');
  await withFileLock(lock, async () => {
    rmSync(lock);
    await withFileLock(lock, () => {
      expect(existsSync(lock)).toBe(true);
    });
    await withFileLock(lock, () => undefined);
    writeFileSync(lock, JSON.stringify({ pid: process.pid, startTime: 'x', bootId: 'y', nonce: 'theirs' }));
  });
  expect(existsSync(lock)).toBe(true);
});
