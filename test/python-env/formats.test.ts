// Quantized checkpoints on this CPU: packages installed from their locks, their numbers read alike, evaluated as they are.
import { execa } from 'execa';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ensureOverlays } from '../../tools/python-env/overlays.js';
import { FORMAT_PACKAGES, type FormatPackage } from '../../tools/suite/model/weight-formats.js';
import { REPOSITORY } from '../support/repository.js';

const root = mkdtempSync(join(tmpdir(), 'formats-'));
afterAll(() => {
  rmSync(root, { recursive: true });
});

interface Kind {
  numbers: number;
  answers: number;
  differ: number;
  largest: number;
  error: number;
  'measured alike': boolean;
  'other version': string;
}

async function quantized(name: FormatPackage): Promise<Record<string, Kind>> {
  await ensureOverlays(REPOSITORY, [name], { log: () => undefined });
  const support = join(REPOSITORY, 'tools/python/tests/support');
  const { stdout } = await execa(
    join(REPOSITORY, '.venv/bin/python'),
    [join(support, 'formats/formats_child.py'), join(root, name), `${name}==${FORMAT_PACKAGES[name]}`],
    { env: { PYTHONPATH: `${join(REPOSITORY, 'tools/python')}:${support}`, OMP_NUM_THREADS: '1' } },
  );
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Record<string, Kind>;
}

/** Both ways of taking it were asked the same; the package really computed, and to what its numbers stand for. */
function expectEvaluated(kind: Kind | undefined, name: FormatPackage): void {
  expect(kind).toMatchObject({ answers: 64, 'measured alike': true });
  expect(kind?.error).toBeGreaterThan(0.001);
  expect(kind?.largest).toBeLessThan(0.05);
  expect(kind?.['other version']).toContain(`misconfigured: ${name}==0.0.1 is needed in`);
}

test('torchao', { timeout: 900_000 }, async () => {
  const found = await quantized('torchao');
  const kinds = ['int8', 'int8-dynamic', 'float8', 'int4-unpacked'];
  expect(Object.fromEntries(Object.entries(found).map(([kind, { numbers }]) => [kind, numbers]))).toEqual(
    Object.fromEntries(kinds.map((kind) => [kind, 0])),
  );
  expectEvaluated(found.int8, 'torchao');
});

test('bitsandbytes', { timeout: 900_000 }, async () => {
  const found = await quantized('bitsandbytes');
  // Of eight bits there is only what it computes with them, in fp16 and with eight-bit activations.
  expect(found['8bit']?.numbers).toBeLessThan(0.01);
  expectEvaluated(found['8bit'], 'bitsandbytes');
  expect([found.nf4?.numbers, found.fp4?.numbers]).toEqual([0, 0]);
});

test('compressed-tensors', { timeout: 900_000 }, async () => {
  const found = await quantized('compressed-tensors');
  expect(Object.keys(found)).toEqual(['w8a8', 'w4a16']);
  for (const kind of Object.values(found)) {
    expect(kind.numbers).toBe(0);
    expectEvaluated(kind, 'compressed-tensors');
  }
});
