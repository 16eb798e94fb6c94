// Dynamic priorities worked by hand from the original script's formula, and the order of the two strategies.
import { describe, expect, test } from 'vitest';
import { dynamicPriority, laggingModels, ranked } from '../../../../tools/execution/lease/policy/priority.js';
import type { Progress } from '../../../../tools/execution/lease/policy/state.js';
import { lease, state, ticket, type TicketParts } from '../builders.js';

const MINUTE = 60_000;
const priority = (parts: TicketParts, { now = 0, running = 0, lagging = false } = {}): number =>
  dynamicPriority(
    ticket('t', parts),
    now,
    Array.from({ length: running }, (_, at) => lease(`l${at}`, { model: 'm' })),
    lagging,
  );

describe('small_first', () => {
  test('base and size', () => {
    const of = (weightsGiB: number) => priority({ standing: { base: 55, weightsGiB } });
    expect([29, 30, 69, 70, 99, 100].map(of)).toEqual([85, 75, 75, 65, 65, 55]);
  });

  test('the size of a GPU cell is the memory it needs, over all its GPUs', () => {
    const needs = { gpus: 2, gibPerGpu: 60 };
    expect(priority({ needs, standing: { base: 55, weightsGiB: 1 } })).toBe(55);
  });

  test('type, blocked cells, age, fairness', () => {
    expect(priority({ standing: { base: 40, kind: 'calibrate' } })).toBe(60);
    expect(priority({ standing: { base: 40, kind: 'setup' } })).toBe(90);
    expect(priority({ standing: { base: 40, blocks: 7 } })).toBe(54);
    expect(priority({ standing: { base: 40, blocks: 70 } })).toBe(80);
    expect(priority({ standing: { base: 40 } }, { now: 14 * MINUTE })).toBe(42);
    expect(priority({ standing: { base: 40 } }, { now: 500 * MINUTE })).toBe(50);
    expect(priority({ standing: { base: 40 } }, { running: 2 })).toBe(34);
    expect(priority({ standing: { base: 40 } }, { running: 9 })).toBe(25);
  });

  test('stays within 0 and 100', () => {
    expect(priority({ standing: { base: 90, kind: 'setup', weightsGiB: 1, blocks: 60 } })).toBe(100);
    expect(priority({ standing: { base: 5 } }, { running: 5 })).toBe(0);
  });

  test('a lagging model is lifted by 15, never past 95, and not from 120 GiB up', () => {
    expect(priority({ standing: { base: 40, weightsGiB: 110 } }, { lagging: true })).toBe(55);
    expect(priority({ standing: { base: 60, weightsGiB: 1 } }, { lagging: true })).toBe(95);
    expect(priority({ standing: { base: 66, weightsGiB: 1 } }, { lagging: true })).toBe(96);
    expect(priority({ standing: { base: 40, weightsGiB: 120 } }, { lagging: true })).toBe(40);
  });

  test('lagging is more than ten points under the mean', () => {
    const progress = (done: Record<string, number>): Progress => ({
      done,
      total: { a: 10, b: 10, c: 20 },
      seconds: {},
    });
    expect(laggingModels(progress({ a: 9, b: 5, c: 2 }))).toEqual(new Set(['c']));
    expect(laggingModels(progress({ a: 5, b: 4, c: 6 }))).toEqual(new Set());
    expect(laggingModels(progress({}))).toEqual(new Set());
  });

  test('ranks by priority, then age, then id', () => {
    const tickets = [
      ticket('c', { queuedAtMs: 5 }),
      ticket('b', { queuedAtMs: 5 }),
      ticket('a', { queuedAtMs: 9 }),
      ticket('top', { queuedAtMs: 9, standing: { base: 70 } }),
    ];
    expect(ranked(state({ tickets }), 10).map(({ id }) => id)).toEqual(['top', 'b', 'c', 'a']);
  });
});

describe('critical_path', () => {
  const limits = { strategy: 'critical_path' } as const;

  test('takes the longest remaining work first, as measured where it was', () => {
    const tickets = [
      ticket('leaf', { limits, standing: { model: 'x', weightsGiB: 10 } }), // 180 s
      ticket('setup', {
        limits,
        standing: {
          model: 'x',
          kind: 'setup',
          weightsGiB: 10,
          chains: [
            [
              ['edit', 2],
              ['eval', 1],
            ],
            [
              ['edit', 2],
              ['certify', 1],
            ],
          ],
        },
      }), // 70 + 2 × 50 + 210
      ticket('slow', { limits, standing: { model: 'y', weightsGiB: 10 } }),
    ];
    const order = (seconds: Record<string, number>): string[] =>
      ranked(state({ tickets, progress: { r: { done: {}, total: {}, seconds } } }), 10).map(({ id }) => id);
    expect(order({})).toEqual(['setup', 'leaf', 'slow']);
    expect(order({ 'y/certify': 1_000 })).toEqual(['slow', 'setup', 'leaf']);
  });
});
