// Inputs of a cell: each is resolved, or the first that cannot be used is named with the reason.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sha256 } from '../../../tools/base/canonical.js';
import { digestRead, resolveReads } from '../../../tools/execution/records/reads.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'validation-reads-'));
  mkdirSync(join(root, 'output'));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

const PRESET = { name: 'preset', path: 'output/preset.yaml', as: 'file' } as const;
const SUBJECT = { name: 'subject', path: 'output/m.manifest.json', as: 'weights' } as const;

test('a file is resolved to its path and digest', async () => {
  writeFileSync(join(root, PRESET.path), 'a: 1\n');
  expect(await resolveReads(root, join(root, 'store'), [PRESET])).toEqual({
    ok: true,
    value: [
      {
        name: 'preset',
        declared: PRESET.path,
        path: join(root, PRESET.path),
        sha256: sha256('a: 1\n'),
      },
    ],
  });
  expect(await digestRead(root, PRESET)).toEqual({ ok: true, value: sha256('a: 1\n') });
});

test('an input that is not there is missing, whatever stands of the others', async () => {
  writeFileSync(join(root, SUBJECT.path), 'no manifest');
  const failure = { reason: 'missing', message: 'output/preset.yaml (preset) is missing' };
  expect(await resolveReads(root, join(root, 'store'), [PRESET, SUBJECT])).toEqual({
    ok: false,
    error: failure,
  });
  expect(await digestRead(root, PRESET)).toEqual({ ok: false, error: failure });
});

test('an input that is there and damaged is unreadable', async () => {
  writeFileSync(join(root, SUBJECT.path), 'no manifest');
  expect(await resolveReads(root, join(root, 'store'), [SUBJECT])).toEqual({
    ok: false,
    error: { reason: 'unreadable', message: 'output/m.manifest.json (subject) cannot be read' },
  });
});
