import fc from 'fast-check';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { redact, redactBytes } from '../../../tools/base/text/redact.js';
import { lastLines, logEnd, LogWriter } from '../../../tools/execution/worker/log-file.js';
import { newOomKills, readOomKills } from '../../../tools/execution/worker/oom-kills.js';

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

test('a flood keeps its beginning and its end, and a line that says what is gone; it is never large', () => {
  const path = join(root, 'log');
  const writer = new LogWriter(path, []);
  writer.push(Buffer.from('first\n'));
  const line = Buffer.from(`${'x'.repeat(1023)}\n`.repeat(1024));
  let largest = 0;
  for (let mib = 0; mib < 200; mib += 1) {
    writer.push(line);
    largest = Math.max(largest, statSync(path).size);
  }
  writer.push(Buffer.from('last\n'));
  writer.end();
  const text = readFileSync(path, 'utf8');
  expect(largest).toBeLessThanOrEqual(64 << 20);
  expect(text.startsWith('first\n')).toBe(true);
  expect(text.endsWith('\nlast\n')).toBe(true);
  const notes = [...text.matchAll(/\[… (\d+) bytes were left out here …\]/g)];
  expect(notes).toHaveLength(1);
  // All that came is there or counted.
  const note = Buffer.byteLength(`\n${notes[0]?.[0] ?? ''}\n`);
  expect(statSync(path).size - note + Number(notes[0]?.[1])).toBe(11 + 200 * line.length);
  expect(readdirSync(root)).toEqual(['log']);
});

test('whatever the pieces it comes in, what is written is the clean text, and no half of a secret', () => {
  const secrets = ['my-secret-token', 'sécret-päss-wörd'];
  const words = fc.constantFrom(
    ...secrets,
    ' ',
    '\n',
    '\r',
    'é',
    'hf_AbCdEfGhIjKlMnOpQrStUvWxYz012345 ',
    'x',
    'token',
    'password: ',
    'abcdefgh1234567890 ',
  );
  fc.assert(
    fc.property(fc.array(words, { maxLength: 40 }), fc.array(fc.nat({ max: 60 })), (all, pieces) => {
      const path = join(root, 'log');
      rmSync(path, { force: true });
      const whole = Buffer.from(all.join(''));
      const writer = new LogWriter(path, secrets);
      let at = 0;
      for (const length of [...pieces, whole.length]) {
        writer.push(whole.subarray(at, at + length));
        at += length;
        const written = readFileSync(path, 'latin1');
        // What ends a killed executor's log: a whole line.
        expect(written === '' || /[\r\n]$/.test(written)).toBe(true);
      }
      writer.end();
      expect(readFileSync(path, 'utf8')).toBe(redactBytes(whole, secrets).toString());
    }),
    { numRuns: 1000 },
  );
});

test('a secret in a line without an end is found too, wherever it is cut', () => {
  const path = join(root, 'log');
  const secret = 'my-secret-token';
  for (const before of [61_435, 61_440, 61_445, 65_530, 200_000]) {
    rmSync(path, { force: true });
    const writer = new LogWriter(path, [secret]);
    const text = Buffer.from(`${'x'.repeat(before)}${secret}${'y'.repeat(150_000)}`);
    for (let at = 0; at < text.length; at += 8_192) writer.push(text.subarray(at, at + 8_192));
    writer.end();
    expect(readFileSync(path, 'utf8')).toBe(redact(text.toString(), [secret]));
  }
});

test("the kernel's kills are counted where it counts them, and only new ones", () => {
  expect(newOomKills({ a: 3, b: 1 }, { a: 3, b: 2, c: 9 })).toBe(1);
  expect(newOomKills({}, {})).toBe(0);
  for (const count of Object.values(readOomKills())) expect(Number.isInteger(count)).toBe(true);
});

test.each([1, 50, 100_000])('a key that comes in pieces of %i bytes is hidden line by line', (size) => {
  const path = join(root, 'log');
  const writer = new LogWriter(path, []);
  const body = Array.from({ length: 130 }, (_, line) => `MIIEowIBAAKCAQEA${line}`);
  const lines = ['-----BEGIN RSA PRIVATE KEY-----', ...body, '-----END RSA PRIVATE KEY-----', 'after'];
  const text = Buffer.from(`${lines.join('\n')}\n`);
  for (let at = 0; at < text.length; at += size) writer.push(text.subarray(at, at + size));
  writer.end();
  const stars = body.map(({ length }) => '*'.repeat(length));
  expect(readFileSync(path, 'utf8')).toBe(`${[lines[0], ...stars, ...lines.slice(-2)].join('\n')}\n`);
});
