import { describe, expect, test } from 'vitest';
import { suiteDigest } from '../../../tools/suite/load/digest.js';
import { hasConflictMarkers, ourSide } from '../../../tools/suite/nx/conflict.js';
import { parseRecord } from '../../../tools/suite/nx/record.js';

describe('the digest of a suite.yaml', () => {
  test('does not depend on the order of keys, but on every value', () => {
    const digest = suiteDigest({ a: 1, b: [1, 2] });
    expect(suiteDigest({ b: [1, 2], a: 1 })).toBe(digest);
    expect(suiteDigest({ a: 1, b: [2, 1] })).not.toBe(digest);
    expect(suiteDigest({ a: '1', b: [1, 2] })).not.toBe(digest);
  });

  test('exists for whatever YAML can hold', () => {
    for (const value of [undefined, null, Number.NaN, new Date(0), 'text', []]) {
      expect(suiteDigest(value)).toMatch(/^[0-9a-f]{64}$/);
    }
  });
});

describe('conflict markers', () => {
  const merged = [
    '{',
    '  "metadata": {',
    '<<<<<<< HEAD',
    '    "identity": { "EVAL_LIMIT": "1" },',
    '    "suiteDigest": "ours"',
    '||||||| base',
    '    "suiteDigest": "base"',
    '=======',
    '    "suiteDigest": "theirs"',
    '>>>>>>> two',
    '  }',
    '}',
  ].join('\n');

  test('are seen, and our side is read', () => {
    expect(hasConflictMarkers(merged)).toBe(true);
    expect(parseRecord(merged)).toEqual({
      identity: { EVAL_LIMIT: '1' },
      commits: {},
      sizes: {},
      suiteDigest: 'ours',
    });
  });

  test('of nothing leave the text as it is', () => {
    const text = '{ "a": "=======", "b": 1 }\n';
    expect(hasConflictMarkers(text)).toBe(false);
    expect(ourSide(text)).toBe(text);
  });
});
