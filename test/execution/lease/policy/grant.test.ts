// The scheduler's policy, case by case.
import { GIB } from '../../../../tools/base/units.js';
import { describe, expect, test } from 'vitest';
import { estimatedSeconds } from '../../../../tools/suite/plan/estimate.js';
import { impossible, safetyMargin } from '../../../../tools/execution/lease/policy/fit.js';
import { grant, STANDSTILL_MS } from '../../../../tools/execution/lease/policy/grant.js';
import type { Limits, SchedulerState } from '../../../../tools/execution/lease/policy/state.js';
import { gpu, lease, LIMITS, NEEDS, state, ticket } from '../builders.js';

const NOW = 1_000_000;
const ids = (of: SchedulerState): string[] => grant(of, NOW).grants.map((one) => one.ticket.id);
const gpusOf = (of: SchedulerState): string[][] => grant(of, NOW).grants.map(({ gpus }) => gpus);
const waitReason = (of: SchedulerState, id: string) =>
  grant(of, NOW).waiting.find((one) => one.ticket.id === id)?.reason;

describe('CPU slots', () => {
  const limits = { cpuSlots: 2 };

  test('go by priority, then age', () => {
    const tickets = [
      ticket('young', { limits, queuedAtMs: 2 }),
      ticket('old', { limits, queuedAtMs: 1 }),
      ticket('first', { limits, standing: { base: 90 }, queuedAtMs: 3 }),
    ];
    expect(ids(state({ tickets }))).toEqual(['first', 'old']);
  });

  test('of leases are counted', () => {
    const leases = [lease('l', { cpuSlots: 2 })];
    expect(ids(state({ leases, tickets: [ticket('a', { limits })] }))).toEqual([]);
  });

  test('a need beyond the host is met by all of it', () => {
    expect(ids(state({ tickets: [ticket('a', { limits, needs: { cpuSlots: 64 } })] }))).toEqual(['a']);
  });

  test('one key runs once at a time', () => {
    const tickets = [ticket('a', { key: 'k' }), ticket('b', { key: 'k' })];
    expect(ids(state({ tickets }))).toEqual(['a']);
    expect(ids(state({ leases: [lease('x', { key: 'k' })], tickets }))).toEqual([]);
  });

  test('a cell that backs off takes nothing, and goes in its old place afterwards', () => {
    const tickets = [
      ticket('retry', { limits: { cpuSlots: 1 }, queuedAtMs: 1, notBeforeMs: NOW + 5_000 }),
      ticket('later', { limits: { cpuSlots: 1 }, queuedAtMs: 2 }),
    ];
    const of = state({ tickets });
    expect(ids(of)).toEqual(['later']);
    expect(grant(of, NOW + 5_000).grants.map((one) => one.ticket.id)).toEqual(['retry']);
  });
});

describe('GPUs', () => {
  const one = (gibPerGpu: number) => ({ needs: { gpus: 1, gibPerGpu } });

  test('never one that is held, busy, full or outside the pool', () => {
    const gpus = [gpu(0), gpu(1, { busy: true }), gpu(2, { freeGiB: 5 }), gpu(3, { freeGiB: 40 }), gpu(4)];
    const leases = [lease('l', { gpus: ['GPU-0'], cpuSlots: 0 })];
    expect(gpusOf(state({ gpus, leases, tickets: [ticket('a', one(30))] }))).toEqual([['GPU-3']]);
    // 40 GiB free at a margin of 0.9 is 36.
    expect(ids(state({ gpus, leases, tickets: [ticket('a', one(36.5))] }))).toEqual([]);
  });

  test('the emptiest, lowest index first', () => {
    const gpus = [gpu(0, { freeGiB: 50 }), gpu(1), gpu(2)];
    expect(gpusOf(state({ gpus, tickets: [ticket('a', one(10))] }))).toEqual([['GPU-1']]);
  });

  test('several come all at once or not at all', () => {
    const gpus = [gpu(0), gpu(1), gpu(2)];
    const wants = (count: number) => [ticket('a', { needs: { gpus: count, gibPerGpu: 10 } })];
    expect(ids(state({ gpus, tickets: wants(4) }))).toEqual([]);
    expect(gpusOf(state({ gpus, tickets: wants(2) }))).toEqual([['GPU-0', 'GPU-1']]);
  });

  test('margins are those of the original script', () => {
    expect([180, 160, 159, 80, 79].map(safetyMargin)).toEqual([0.98, 0.98, 0.95, 0.95, 0.9]);
  });

  test('from 140 GiB on a cell may pass the margin by the tolerance, never the memory', () => {
    const limits = { gpus: ['GPU-0'], toleranceGiB: 8 };
    const on = (freeGiB: number, gibPerGpu: number) =>
      ids(state({ gpus: [gpu(0, { freeGiB })], tickets: [ticket('a', { ...one(gibPerGpu), limits })] }));
    // 150 × 0.95 = 142.5, and 8 more.
    expect(on(150, 142.5)).toEqual(['a']);
    expect(on(150, 149)).toEqual(['a']);
    expect(on(144, 144)).toEqual(['a']);
    expect(on(144, 144.1)).toEqual([]);
    // Under 140 GiB the margin stands: 147 × 0.95 = 139.65.
    expect(on(147, 139.7)).toEqual([]);
  });

  test('says what a host can never give', () => {
    const needs = { ...NEEDS, gpus: 5, gibPerGpu: 70 };
    expect(impossible(needs, [80, 80, 80, 80], 8, 100)).toBe('needs 5 GPUs of 70.0 GiB; the pool has 4');
    expect(impossible({ ...needs, gpus: 2 }, [80, 80, 40, 40], 8, 100)).toBeUndefined();
    expect(impossible({ ...needs, gpus: 3 }, [80, 80, 40, 40], 8, 100)).toBe(
      "needs 3 GPUs of 70.0 GiB; of the pool's 4 only 2 can give so much",
    );
    expect(impossible({ ...NEEDS, ramGiB: 200 }, [], 8, 100)).toBe(
      'needs 200.0 GiB of host memory; this host has 100.0',
    );
  });
});

describe('a cell of several GPUs', () => {
  const big = ticket('big', { needs: { gpus: 2, gibPerGpu: 70 }, standing: { base: 90 } });
  // certify of 200 GiB: 60 + 12 × 200 s; of 1 GiB: 72 s.
  const small = (id: string, weightsGiB: number) =>
    ticket(id, { needs: { gpus: 1, gibPerGpu: 10 }, standing: { base: 10, weightsGiB } });
  const pool = { gpus: [gpu(0), gpu(1)] };
  const running = (seconds: number) => [lease('l', { gpus: ['GPU-1'], grantedAtMs: NOW, seconds })];

  test('keeps the GPUs that free for it from those that end later', () => {
    const of = state({ ...pool, leases: running(100), tickets: [big, small('long', 200)] });
    expect(ids(of)).toEqual([]);
    expect(waitReason(of, 'big')).toEqual({
      what: 'gpus',
      wanted: 2,
      gibPerGpu: 70,
      free: 1,
      reservedFor: [],
    });
    expect(waitReason(of, 'long')).toMatchObject({ what: 'gpus', free: 0, reservedFor: ['big'] });
  });

  test('lets those pass that end before it could begin', () => {
    const tickets = [big, small('short', 1)];
    const estimate = estimatedSeconds('certify', 1);
    expect(ids(state({ ...pool, leases: running(estimate + 1), tickets }))).toEqual(['short']);
    expect(ids(state({ ...pool, leases: running(estimate - 1), tickets }))).toEqual([]);
  });

  test('a running cell that is late is expected any moment: nobody passes', () => {
    const leases = [lease('l', { gpus: ['GPU-1'], grantedAtMs: 0, seconds: 1 })];
    expect(ids(state({ ...pool, leases, tickets: [big, small('short', 1)] }))).toEqual([]);
  });

  test('keeps no other GPUs than it needs', () => {
    const gpus = [gpu(0), gpu(1), gpu(2)];
    const leases = [
      lease('l', { gpus: ['GPU-1'], grantedAtMs: NOW, seconds: 50 }),
      lease('k', { gpus: ['GPU-2'], grantedAtMs: NOW, seconds: 9_000 }),
    ];
    const limits = { gpus: ['GPU-0', 'GPU-1', 'GPU-2', 'GPU-3'] };
    const tickets = [big, { ...small('long', 200), limits: { ...LIMITS, ...limits } }];
    expect(ids(state({ gpus: [...gpus, gpu(3)], leases, tickets }))).toEqual(['big']);
    expect(gpusOf(state({ gpus: [...gpus, gpu(3, { freeGiB: 30 })], leases, tickets }))).toEqual([['GPU-3']]);
  });

  test('keeps nothing where it cannot tell when it could run', () => {
    const gpus = [gpu(0), gpu(1, { busy: true })];
    expect(ids(state({ gpus, tickets: [big, small('long', 200)] }))).toEqual(['long']);
  });
});

describe('sharing', () => {
  const limits: Partial<Limits> = { sharing: 'memory', requireIdle: false, gpus: ['GPU-0'] };
  const wants = (id: string, gibPerGpu: number) => ticket(id, { needs: { gpus: 1, gibPerGpu }, limits });

  test('several cells on a GPU while what they reserve fits', () => {
    const tickets = [wants('a', 30), wants('b', 30), wants('c', 30)];
    expect(ids(state({ gpus: [gpu(0)], tickets }))).toEqual(['a', 'b']);
  });

  test('memory a lease reserved counts once, whether it is used yet or not', () => {
    const leases = [lease('l', { gpus: ['GPU-0'], gibPerGpu: 30, sharing: 'memory' })];
    const tickets = [wants('a', 40)];
    expect(ids(state({ gpus: [gpu(0)], leases, tickets }))).toEqual(['a']);
    const used = gpu(0, { freeGiB: 50, busy: true, usedByLease: { l: 30 } });
    expect(ids(state({ gpus: [used], leases, tickets }))).toEqual(['a']);
    expect(ids(state({ gpus: [used], leases, tickets: [wants('a', 46)] }))).toEqual([]);
  });

  test('never with an exclusive cell, and never where idle GPUs are asked for', () => {
    const exclusive = [lease('l', { gpus: ['GPU-0'], gibPerGpu: 1 })];
    expect(ids(state({ gpus: [gpu(0)], leases: exclusive, tickets: [wants('a', 10)] }))).toEqual([]);
    const shared = [lease('l', { gpus: ['GPU-0'], gibPerGpu: 1, sharing: 'memory' })];
    const idle = ticket('a', { needs: { gpus: 1, gibPerGpu: 10 }, limits: { ...limits, requireIdle: true } });
    expect(ids(state({ gpus: [gpu(0)], leases: shared, tickets: [idle] }))).toEqual([]);
  });
});

describe('host memory', () => {
  test('is leased, and kept for a large cell', () => {
    const leases = [lease('l', { ramGiB: 50, grantedAtMs: NOW, seconds: 100 })];
    const large = ticket('large', { needs: { ramGiB: 80 }, standing: { base: 90 } });
    const small = (id: string, weightsGiB: number, ramGiB = 30) =>
      ticket(id, { needs: { ramGiB }, standing: { base: 1, weightsGiB } });
    const of = (...tickets: ReturnType<typeof ticket>[]) => state({ ramGiB: 100, leases, tickets });
    expect(ids(of(small('a', 1)))).toEqual(['a']);
    expect(ids(of(small('a', 1), small('b', 1)))).toEqual(['a']);
    expect(ids(of(large, small('long', 200)))).toEqual([]);
    expect(ids(of(large, small('short', 1)))).toEqual(['short']);
    // Beside the large one there is room for 20 GiB.
    expect(ids(of(large, small('long', 200, 20)))).toEqual(['long']);
    expect(ids(of(large, small('long', 200, 15), small('other', 200, 15)))).toEqual(['long']);
  });
});

describe('disk', () => {
  const write = (part: string, gib: number) => ({ part, bytes: gib * GIB });
  const limits = { disk: { device: 'disk', minFreeBytes: 10 * GIB } };
  const maker = (id: string, writes: ReturnType<typeof write>[], rest = {}) =>
    ticket(id, { needs: { writes }, limits, ...rest });

  test('is given out above the floor, less what running cells were promised', () => {
    const leases = [lease('l', { diskBytes: 20 * GIB })];
    const of = (gib: number) =>
      state({ diskBytes: 50 * GIB, leases, tickets: [maker('a', [write('a', gib)])] });
    expect(ids(of(20))).toEqual(['a']);
    expect(ids(of(21))).toEqual([]);
    expect(waitReason(of(21), 'a')).toEqual({ what: 'disk', wantedBytes: 21 * GIB, leftBytes: 20 * GIB });
  });

  test('a batch runs in part', () => {
    const tickets = [
      maker(
        'batch',
        ['a', 'b', 'c'].map((part) => write(part, 15)),
      ),
    ];
    const [given] = grant(state({ diskBytes: 50 * GIB, tickets }), NOW).grants;
    expect(given).toMatchObject({ parts: ['a', 'b'], diskBytes: 30 * GIB });
  });

  test('while it is short, those that write none go first', () => {
    const cpu = { limits: { ...limits, cpuSlots: 1 } };
    const tickets = [
      maker('edit', [write('a', 15)], { standing: { base: 90 }, ...cpu }),
      maker('other', [write('b', 30)], { standing: { base: 90 }, ...cpu }),
      ticket('consumer', { standing: { base: 1 }, ...cpu }),
    ];
    expect(ids(state({ diskBytes: 50 * GIB, tickets }))).toEqual(['consumer']);
    expect(ids(state({ diskBytes: 60 * GIB, tickets }))).toEqual(['edit']);
  });

  test('at a standstill weights that can be rebuilt are evicted, else the last in rank is refused', () => {
    const stuck = (droppableBytes: number, idleMs = STANDSTILL_MS) =>
      grant(
        state({
          diskBytes: 15 * GIB,
          idleSinceMs: NOW - idleMs,
          tickets: [
            maker('a', [write('a', 14)], { standing: { base: 60 } }),
            maker('batch', [write('b', 14)], { droppableBytes, standing: { base: 50 } }),
          ],
        }),
        NOW,
      );
    expect(stuck(0, STANDSTILL_MS - 1)).toMatchObject({ grants: [], refusals: [] });
    expect(stuck(14 * GIB).grants).toMatchObject([{ ticket: { id: 'batch' }, evict: true, parts: ['b'] }]);
    expect(stuck(14 * GIB).refusals).toEqual([]);
    const { grants, refusals } = stuck(0);
    expect(grants).toEqual([]);
    expect(refusals.map((one) => one.ticket.id)).toEqual(['batch']);
    expect(refusals[0]?.reason).toContain('14.0 GiB of weights; 5.0 GiB are left above the 10.0 GiB');
  });

  test('no standstill while anybody else waits', () => {
    const tickets = [maker('a', [write('a', 14)]), ticket('consumer', { notBeforeMs: NOW + 1_000 })];
    expect(grant(state({ diskBytes: 15 * GIB, idleSinceMs: 0, tickets }), NOW).refusals).toEqual([]);
  });
});
