// Characters that act on a terminal, or on the order of reading, are shown by their notation; nothing else changes.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { plain, plainJson } from '../../../tools/base/text/plain-text.js';
import { shownJson } from '../../../tools/base/text/say.js';

test.each([
  ['a colour', '\x1b[31mred\x1b[0m', '\\x1b[31mred\\x1b[0m'],
  ['the title of a terminal', '\x1b]0;owned\x07', '\\x1b]0;owned\\x07'],
  ['a link of a terminal', '\x1b]8;;http://x\x1b\\here', '\\x1b]8;;http://x\\x1b\\here'],
  ['the clipboard', '\x1b]52;c;ZXZpbA==\x07', '\\x1b]52;c;ZXZpbA==\\x07'],
  ['a cleared screen', '\x1b[2J\x1b[H', '\\x1b[2J\\x1b[H'],
  ['a bell', 'a\x07', 'a\\x07'],
  ['backspaces', 'PASS\b\b\b\bFAIL', 'PASS\\x08\\x08\\x08\\x08FAIL'],
  ['an overwritten line', 'FAIL\rPASS', 'FAIL\\x0dPASS'],
  ['CSI of one character', '\x9b31m', '\\x9b31m'],
  ['NUL, DEL', '\0\x7f', '\\x00\\x7f'],
  ['form feed, vertical tab', '\f\v', '\\x0c\\x0b'],
  ['a turned direction', 'a\u202egpj.exe', 'a\\u202egpj.exe'],
  ['isolates', '\u2066x\u2069', '\\u2066x\\u2069'],
  ['marks', '\u200e\u200f\u061c', '\\u200e\\u200f\\u061c'],
  ['line separators', 'a\u2028b\u2029c', 'a\\u2028b\\u2029c'],
  ['what has no width', 'a\u200bb\u2060c\ufeffd', 'a\\u200bb\\u2060c\\ufeffd'],
  ['tags', '\u{e0041}', '\\u{e0041}'],
  ['line ends of Windows', 'a\r\nb', 'a\nb'],
])('%s', (_, text, expected) => {
  expect(plain(text)).toBe(expected);
  expect(plain(plain(text))).toBe(expected);
});

test.each(['one\n\ttwo', 'größer – 70 % ≥ 3', '日本語', 'עברית', '👩‍👩‍👧', ''])('%j stays', (text) => {
  expect(plain(text)).toBe(text);
});

test('no text acts', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(plain(text)).not.toMatch(/[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/u);
    }),
  );
});

test('JSON for programs is JSON whatever it holds: no text acts, and a parser gives back what was there', () => {
  expect(plainJson({ a: '\x7f\x9b\u202e\u{e0041}é' })).toBe('{"a":"\\u007f\\u009b\\u202e\\udb40\\udc41é"}');
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })), (value) => {
      for (const text of [plainJson(value), plainJson(value, 2), shownJson(value)]) {
        expect(text).not.toMatch(/[^\P{Cc}\n]|[\u202a-\u202e\u2066-\u2069]/u);
        expect(JSON.parse(text)).toEqual(value);
      }
    }),
  );
});

test('secrets in JSON for programs become stars, and it stays JSON', () => {
  const secrets = ['https://me:p@ss-word@h.example/x', `hf_${'aB3'.repeat(12)}`];
  const text = shownJson({ lines: secrets, [secrets[1] ?? '']: [1, null, true] });
  expect(text).not.toContain('aB3');
  expect(text).not.toContain('ss-');
  expect(Object.values(JSON.parse(text) as object)).toEqual([
    [expect.stringContaining('h.example/x'), expect.stringMatching(/^\*+$/)],
    [1, null, true],
  ]);
});
