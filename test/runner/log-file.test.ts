import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lastLines, logEnd, LogKeeper } from '../../tools/runner/log-file.js';
import { newOomKills, readOomKills } from '../../tools/runner/oom-kills.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'validation-log-'));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

test('the last lines that matter: no progress bars, blank lines or endless ones', () => {
  const text = `a\n\n 12%|█ | 3/20\r100%|██| 20/20\rb\r\n${'x'.repeat(9_999)}\nValueError: no\n`;
  expect(lastLines(text, 3)).toEqual(['b', `${'x'.repeat(400)} …`, 'ValueError: no']);
});

test('half a character at the cut is no reason to fail', () => {
  writeFileSync(join(root, 'log'), 'ä'.repeat(100));
  expect(logEnd(join(root, 'log'), 11)).toMatch(/^�ä+$/);
  expect(logEnd(join(root, 'none'))).toBe('');
});

test('a flood keeps its beginning and its end, and a line that says what is gone', () => {
  const path = join(root, 'log');
  writeFileSync(
    path,
    Buffer.concat([Buffer.from('first\n'), Buffer.alloc(100 << 20, 120), Buffer.from('\nlast\n')]),
  );
  new LogKeeper(path, []).finish(join(root, 'none'));
  const text = readFileSync(path, 'utf8');
  expect(statSync(path).size).toBeLessThan(17 << 20);
  expect(text.startsWith('first\n')).toBe(true);
  expect(text.endsWith('\nlast\n')).toBe(true);
  expect(text).toMatch(/\[… 8\d{7} bytes were left out here …\]/);
});

test("the kernel's kills are counted where it counts them, and only new ones", () => {
  expect(newOomKills({ a: 3, b: 1 }, { a: 3, b: 2, c: 9 })).toBe(1);
  expect(newOomKills({}, {})).toBe(0);
  for (const count of Object.values(readOomKills())) expect(Number.isInteger(count)).toBe(true);
});
