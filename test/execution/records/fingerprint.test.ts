import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JsonValue } from '../../../tools/base/json-value.js';
import { canonicalJson } from '../../../tools/base/canonical.js';
import { fingerprint, type FingerprintFacts } from '../../../tools/execution/records/fingerprint.js';

const FACTS: FingerprintFacts = {
  kind: 'certify',
  spec: { run: 1, invarlock: { tier: 'balanced', windows: [200, 200] } },
  reads: { baseline: 'a', subject: 'b' },
  sources: { 'tools/python/validation/cells/certify.py': 'c' },
  versions: { torch: '2.15.0' },
  deviceClass: 'cpu',
};

test('the order of keys does not matter, every fact does', () => {
  const base = fingerprint(FACTS);
  expect(
    fingerprint({ ...FACTS, spec: { invarlock: { windows: [200, 200], tier: 'balanced' }, run: 1 } }),
  ).toBe(base);
  const changes: Partial<FingerprintFacts>[] = [
    { kind: 'calibrate' },
    { spec: { run: 2, invarlock: { tier: 'balanced', windows: [200, 200] } } },
    { reads: { baseline: 'b', subject: 'a' } },
    { sources: { 'tools/python/validation/cells/certify.py': 'd' } },
    { versions: { torch: '2.16.0' } },
    { deviceClass: 'cuda-sm90' },
  ];
  const all = changes.map((change) => fingerprint({ ...FACTS, ...change }));
  expect(new Set([base, ...all]).size).toBe(changes.length + 1);
});

test('canonical JSON is JSON, and equal values give equal text', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = canonicalJson(value as JsonValue);
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      expect(canonicalJson(JSON.parse(text) as JsonValue)).toBe(text);
    }),
  );
});
