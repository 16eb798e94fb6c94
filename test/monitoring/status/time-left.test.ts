import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { weightsGiB } from '../../../tools/suite/memory/memory.js';
import { estimatedSeconds } from '../../../tools/suite/plan/estimate.js';
import type { MeasuredReceipt } from '../../../tools/execution/records/standing.js';
import { leastSeconds, timeLeft, type OpenCell } from '../../../tools/monitoring/status/time-left.js';
import { cell } from './builders.js';

const open = (id: string, seconds: number, onGpu: boolean, ...after: string[]): OpenCell => ({
  id,
  seconds,
  onGpu,
  after,
});

describe('leastSeconds', () => {
  test('work over the machine', () => {
    const cells = [open('a', 10, true), open('b', 20, true), open('c', 30, false)];
    expect(leastSeconds(cells, 2, 1)).toBe(30);
    expect(leastSeconds(cells, 1, 8)).toBe(30);
    expect(leastSeconds(cells, 3, 8)).toBe(30);
    expect(leastSeconds([open('a', 10, true), open('b', 20, true)], 2, 1)).toBe(20);
  });

  test('one after another where one waits for the other', () => {
    const chain = [open('c', 30, true, 'b'), open('b', 20, false, 'a'), open('a', 10, true, 'done')];
    expect(leastSeconds(chain, 8, 8)).toBe(60);
  });

  test('never less than the longest cell, never more than all of them', () => {
    const cells = fc.array(
      fc.record({ seconds: fc.nat(1_000), onGpu: fc.boolean(), after: fc.option(fc.nat(20)) }),
      { minLength: 1 },
    );
    fc.assert(
      fc.property(cells, fc.integer({ min: 1, max: 8 }), (made, machines) => {
        // Only what comes before: a plan has no circles.
        const list = made.map(({ seconds, onGpu, after }, at) =>
          open(String(at), seconds, onGpu, ...(after !== null && after < at ? [String(after)] : [])),
        );
        const least = leastSeconds(list, machines, machines);
        const all = list.map(({ seconds }) => seconds);
        expect(least).toBeGreaterThanOrEqual(Math.max(...all));
        expect(least).toBeLessThanOrEqual(all.reduce((sum, one) => sum + one, 0));
      }),
    );
  });
});

describe('timeLeft', () => {
  const receipt = (runSeconds: number): MeasuredReceipt => ({
    endedAt: '2026-01-01T00:00:00.000Z',
    runSeconds,
    startSeconds: null,
    restored: false,
    outdated: false,
  });
  const of = {
    receipts: new Map<string, MeasuredReceipt>(),
    elapsed: new Map<string, number>(),
    sizes: new Map<string, number>(),
    gpus: 1,
    cpuSlots: 1,
  };

  test('by what cells of the kind took, less what running ones have had', () => {
    const cells = [cell('a'), cell('b'), cell('c')];
    const left = timeLeft({
      ...of,
      cells,
      states: new Map([
        ['s.m.a', 'done'],
        ['s.m.b', 'running'],
        ['s.m.c', 'waiting'],
      ] as const),
      receipts: new Map([['s.m.a.json', receipt(100)]]),
      elapsed: new Map([['s.m.b', 30]]),
    });
    expect(left).toEqual({ seconds: 170, cells: 2, estimated: 0 });
  });

  test('what was not measured is estimated, and said to be', () => {
    const cells = [cell('a'), cell('b', { kind: 'certify' })];
    const left = timeLeft({ ...of, cells, states: new Map([['s.m.a', 'waiting']]) });
    const seconds =
      estimatedSeconds('eval', weightsGiB('tiny')) + estimatedSeconds('certify', weightsGiB('tiny'));
    expect(left).toEqual({ seconds, cells: 2, estimated: 2 });
  });

  test('failed and blocked cells do not count', () => {
    const states = new Map([
      ['s.m.a', 'failed'],
      ['s.m.b', 'blocked'],
    ] as const);
    expect(timeLeft({ ...of, cells: [cell('a'), cell('b')], states })).toBeUndefined();
  });

  test('the parts of a batch were measured together; only the missing ones are left', () => {
    const batch = cell('edit', { kind: 'edit', receipts: ['1', '2', '3', '4'] });
    const other = cell('more', { kind: 'edit', receipts: ['5'] });
    const receipts = new Map(['1', '2', '3', '4'].map((path) => [path, receipt(40)] as const));
    const states = new Map([['s.m.edit', 'done']] as const);
    expect(timeLeft({ ...of, cells: [batch, other], states, receipts })).toEqual({
      seconds: 10,
      cells: 1,
      estimated: 0,
    });
    receipts.delete('4');
    expect(timeLeft({ ...of, cells: [batch], states: new Map(), receipts })?.seconds).toBeCloseTo(40 / 3);
  });
});
