import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  grant,
  impossible,
  safetyMargin,
  type Gpu,
  type SchedulerState,
  type Ticket,
} from '../../tools/lease/grant.js';

const gpu = (index: number, freeGiB = 80, busy = false): Gpu => ({
  uuid: `GPU-${index}`,
  index,
  freeGiB,
  busy,
});

function ticket(
  id: string,
  { gpus = 0, gibPerGpu = 0, cpuSlots = 1, ...rest }: Partial<Ticket> & Partial<Ticket['needs']> = {},
): Ticket {
  return {
    id,
    key: id,
    cell: id,
    needs: { gpus, gibPerGpu, cpuSlots },
    limits: { gpus: ['GPU-0', 'GPU-1', 'GPU-2', 'GPU-3'], cpuSlots: 2, minFreeGiB: 10, requireIdle: true },
    priority: 50,
    createdAt: 0,
    ...rest,
  };
}

const ids = (state: SchedulerState): string[] => grant(state).map(({ ticket: { id } }) => id);

describe('grant', () => {
  test('gives slots by priority, then age', () => {
    const tickets = [
      ticket('young', { createdAt: 2 }),
      ticket('old', { createdAt: 1 }),
      ticket('first', { priority: 90, createdAt: 3 }),
    ];
    expect(ids({ gpus: [], leases: [], tickets })).toEqual(['first', 'old']);
  });

  test('counts the slots of leases', () => {
    const leases = [{ id: 'l', key: 'l', cell: 'l', gpus: [], cpuSlots: 2 }];
    expect(ids({ gpus: [], leases, tickets: [ticket('a')] })).toEqual([]);
  });

  test('a need beyond the host is met by all of it', () => {
    expect(ids({ gpus: [], leases: [], tickets: [ticket('a', { cpuSlots: 64 })] })).toEqual(['a']);
  });

  test('one key runs once at a time', () => {
    const tickets = [ticket('a', { key: 'k' }), ticket('b', { key: 'k' })];
    expect(ids({ gpus: [], leases: [], tickets })).toEqual(['a']);
    expect(
      ids({ gpus: [], leases: [{ id: 'x', key: 'k', cell: 'k', gpus: [], cpuSlots: 1 }], tickets }),
    ).toEqual([]);
  });

  test('takes a free GPU with enough memory, never one that is held, busy, full or outside the pool', () => {
    const gpus = [gpu(0), gpu(1, 80, true), gpu(2, 5), gpu(3, 40), gpu(4)];
    const leases = [{ id: 'l', key: 'l', cell: 'l', gpus: ['GPU-0'], cpuSlots: 0 }];
    const granted = grant({ gpus, leases, tickets: [ticket('a', { gpus: 1, gibPerGpu: 30 })] });
    expect(granted.map(({ gpus: uuids }) => uuids)).toEqual([['GPU-3']]);
    // 40 GiB free at a margin of 0.9 is 36.
    expect(ids({ gpus, leases, tickets: [ticket('a', { gpus: 1, gibPerGpu: 36.5 })] })).toEqual([]);
  });

  test('several GPUs come all at once or not at all', () => {
    const gpus = [gpu(0), gpu(1), gpu(2)];
    expect(ids({ gpus, leases: [], tickets: [ticket('a', { gpus: 4, gibPerGpu: 10 })] })).toEqual([]);
    expect(grant({ gpus, leases: [], tickets: [ticket('a', { gpus: 2, gibPerGpu: 10 })] })[0]?.gpus).toEqual([
      'GPU-0',
      'GPU-1',
    ]);
  });

  test('margins follow the seed', () => {
    expect([180, 160, 159, 80, 79].map(safetyMargin)).toEqual([0.98, 0.98, 0.95, 0.95, 0.9]);
  });

  test('says what a host can never give', () => {
    const { limits } = ticket('a');
    expect(impossible({ gpus: 5, gibPerGpu: 70, cpuSlots: 1 }, limits)).toBe(
      'needs 5 GPUs of 70.0 GiB; the pool has 4',
    );
    expect(impossible({ gpus: 4, gibPerGpu: 70, cpuSlots: 1 }, limits)).toBeUndefined();
  });
});

const arbitraryState: fc.Arbitrary<SchedulerState> = fc.record({
  gpus: fc
    .array(fc.record({ freeGiB: fc.integer({ min: 0, max: 180 }), busy: fc.boolean() }), { maxLength: 6 })
    .map((all) => all.map(({ freeGiB, busy }, index) => gpu(index, freeGiB, busy))),
  leases: fc
    .uniqueArray(fc.record({ n: fc.integer({ min: 0, max: 5 }), cpuSlots: fc.integer({ min: 0, max: 2 }) }), {
      selector: ({ n }) => n,
      maxLength: 3,
    })
    .map((all) =>
      all.map(({ n, cpuSlots }) => ({ id: `l${n}`, key: `k${n}`, cell: 'c', gpus: [`GPU-${n}`], cpuSlots })),
    ),
  tickets: fc
    .array(
      fc.record({
        key: fc.integer({ min: 0, max: 9 }),
        gpus: fc.integer({ min: 0, max: 3 }),
        gibPerGpu: fc.integer({ min: 0, max: 180 }),
        cpuSlots: fc.integer({ min: 1, max: 3 }),
        priority: fc.integer({ min: 0, max: 100 }),
        createdAt: fc.integer({ min: 0, max: 5 }),
      }),
      { maxLength: 12 },
    )
    .map((all) => all.map(({ key, ...rest }, index) => ticket(`t${index}`, { ...rest, key: `k${key}` }))),
});

test('whatever the state: no GPU twice, none unfit, no slot too many, no key twice, order of tickets irrelevant', () => {
  fc.assert(
    fc.property(arbitraryState, fc.array(fc.nat(), { minLength: 12, maxLength: 12 }), (state, noise) => {
      const grants = grant(state);
      const uuids = [
        ...state.leases.flatMap((lease) => lease.gpus),
        ...grants.flatMap((granted) => granted.gpus),
      ];
      expect(new Set(uuids).size).toBe(uuids.length);
      const keys = [...state.leases.map(({ key }) => key), ...grants.map(({ ticket: { key } }) => key)];
      expect(new Set(keys).size).toBe(keys.length);
      for (const { ticket: wanted, gpus } of grants) {
        expect(gpus).toHaveLength(wanted.needs.gpus);
        for (const uuid of gpus) {
          const given = state.gpus.find((candidate) => candidate.uuid === uuid);
          expect(given?.busy).toBe(false);
          expect(wanted.limits.gpus).toContain(uuid);
          expect(given?.freeGiB ?? 0).toBeGreaterThanOrEqual(wanted.needs.gibPerGpu);
        }
      }
      const used = [...state.leases, ...grants].reduce((sum, { cpuSlots }) => sum + cpuSlots, 0);
      const before = state.leases.reduce((sum, { cpuSlots }) => sum + cpuSlots, 0);
      expect(used).toBeLessThanOrEqual(Math.max(2, before));
      const shuffled = state.tickets
        .map((value, index) => ({ value, rank: noise[index] ?? 0 }))
        .sort((a, b) => a.rank - b.rank)
        .map(({ value }) => value);
      expect(grant({ ...state, tickets: shuffled })).toEqual(grants);
    }),
  );
});
