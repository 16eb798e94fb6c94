// What the time of a kind of cell goes with: figures of one model, of H200s and of one core, tell those of another.
import { describe, expect, test } from 'vitest';
import type { CellKind } from '../../../tools/suite/model/cell.js';
import { modelSize, type ModelSize } from '../../../tools/suite/memory/memory.js';
import { workOf } from '../../../tools/suite/plan/estimate.js';

interface Run {
  size: ModelSize;
  /** Of windows. */
  tokens?: number;
  windows?: number;
  /** Beyond the start. */
  seconds: number;
}

const plain = (gib: number, layers: number): ModelSize => ({ storedGiB: gib, activeGiB: gib, layers });

function work(kind: CellKind, { size, tokens = 512, windows = 400 }: Run, onCpu: boolean): number {
  const half = windows / 2;
  const spec = { invarlock: { preview: half, final: half, seq_len: tokens, skip_overhead_check: false } };
  return workOf({ kind, parts: [{ name: '', spec, writes: [], receipt: '' }] }, size, onCpu);
}

/** Qwen2's shapes of 0.5B, 1.5B and 3B; 16 blocks of a 7B's. */
const SMALL = plain(0.92, 24);
const MIDDLE = plain(2.875, 28);
const LARGE = plain(5.75, 36);
const WIDE = plain(6.99, 16);

test.each<[string, CellKind, Run, Run]>([
  ['1.5B', 'certify', { size: SMALL, seconds: 42.1 }, { size: MIDDLE, seconds: 50.2 }],
  [
    '3B, longer windows',
    'baseline',
    { size: SMALL, seconds: 40.8 },
    { size: LARGE, tokens: 1536, seconds: 64.3 },
  ],
  ['few blocks, wide', 'calibrate', { size: SMALL, seconds: 39.3 }, { size: WIDE, seconds: 28.8 }],
  ['few questions', 'eval', { size: SMALL, seconds: 4.2 }, { size: WIDE, seconds: 7.6 }],
  ['many', 'eval', { size: SMALL, seconds: 12.7 }, { size: WIDE, seconds: 32.5 }],
  ['setup', 'setup', { size: SMALL, seconds: 1.95 }, { size: WIDE, seconds: 13.1 }],
  ['edit', 'edit', { size: SMALL, seconds: 3.0 }, { size: WIDE, seconds: 9.1 }],
  ['error', 'inject', { size: SMALL, seconds: 2.04 }, { size: WIDE, seconds: 16.6 }],
])('on an H200: %s, %s', (name, kind, known, other) => {
  const told = (known.seconds * work(kind, other, false)) / work(kind, known, false);
  // Of an evaluation of seconds, the start of the GPU is as much as the rest.
  const bound = name === 'few questions' ? 0.5 : 0.25;
  expect(Math.abs(told / other.seconds - 1)).toBeLessThan(bound);
});

test('on one core: from 14M to 54M, and to SmolLM2-135M', () => {
  const known = { size: plain(0.0263, 6), tokens: 128, seconds: 39.2 };
  for (const other of [
    { size: plain(0.1013, 10), tokens: 128, seconds: 96 },
    { size: plain(0.25, 30), tokens: 64, windows: 440, seconds: 187 },
  ]) {
    const told = (known.seconds * work('certify', other, true)) / work('certify', known, true);
    expect(Math.abs(told / other.seconds - 1)).toBeLessThan(0.25);
  }
});

describe('windows', () => {
  const seven = plain(14, 32);
  const of = (tokens: number): number => work('certify', { size: seven, tokens, seconds: 0 }, false);

  test('short ones take a GPU as long as Python needs for their layers, long ones what they compute', () => {
    expect(of(128)).toBe(of(1024));
    expect(of(8192) / of(4096)).toBeGreaterThan(1.8);
  });

  test('without the check of the overhead there are fewer passes', () => {
    const spec = { invarlock: { preview: 200, final: 200, seq_len: 128, skip_overhead_check: true } };
    const part = { name: '', spec, writes: [], receipt: '' };
    expect(workOf({ kind: 'certify', parts: [part] }, seven, false)).toBeLessThan(0.7 * of(128));
  });
});

test('what has nothing to do with the model takes the same of any', () => {
  for (const kind of ['data', 'preset', 'regression'] as const)
    expect(work(kind, { size: LARGE, seconds: 0 }, false)).toBe(
      work(kind, { size: SMALL, seconds: 0 }, false),
    );
});

test('of a mixture a token goes through few weights, and all are written', () => {
  const size = modelSize({ sizeClass: 'moe' }, undefined);
  expect(work('edit', { size, seconds: 0 }, true)).toBe(90);
  expect(work('eval', { size, seconds: 0 }, true)).toBeCloseTo(0.28 * 90);
  const known = { weightsGiB: 3, activeGiB: 2, layers: 5 };
  expect(modelSize({ sizeClass: 'moe' }, known)).toEqual({ storedGiB: 3, activeGiB: 2, layers: 5 });
});
