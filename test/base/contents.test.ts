// Digests of what is in a file or directory: what moves them, and what does not.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { digestContent, digestStamps } from '../../tools/base/contents.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'contents-'));
  mkdirSync(join(root, 'in/deep'), { recursive: true });
  writeFileSync(join(root, 'in/a.py'), 'a');
  writeFileSync(join(root, 'in/deep/b.bin'), 'b');
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

const both = async (path: string): Promise<string[]> => [await digestContent(path), digestStamps(path)];

test('of a directory: contents, names and links count, by-products and times do not', async () => {
  const at = join(root, 'in');
  const [content, stamps] = await both(at);
  mkdirSync(join(at, '__pycache__'));
  writeFileSync(join(at, '__pycache__/a.pyc'), 'x');
  writeFileSync(join(at, '.hidden'), 'x');
  expect(await both(at)).toEqual([content, stamps]);
  utimesSync(join(at, 'a.py'), 1, 1);
  expect(await digestContent(at)).toBe(content);
  expect(digestStamps(at)).not.toBe(stamps);

  // As a cache of the hub has files.
  writeFileSync(join(root, 'blob'), 'c');
  symlinkSync(join(root, 'blob'), join(at, 'c.bin'));
  const linked = await digestContent(at);
  expect(linked).not.toBe(content);
  writeFileSync(join(root, 'blob'), 'd');
  expect(await digestContent(at)).not.toBe(linked);
});

test('of a file, of none, and of a directory that leads back to itself', async () => {
  const file = join(root, 'in/a.py');
  const before = await both(file);
  writeFileSync(file, 'other');
  const after = await both(file);
  expect(after[0]).not.toBe(before[0]);
  expect(after[1]).not.toBe(before[1]);
  await expect(digestContent(join(root, 'gone'))).rejects.toThrow('ENOENT');
  symlinkSync(join(root, 'in'), join(root, 'in/again'));
  await expect(digestContent(join(root, 'in'))).rejects.toThrow('leads back to itself');
});
