// The scheduler over random hosts, leases and tickets: nothing over its limit, nothing out of turn, nobody forgotten.
import { GIB } from '../../../../tools/base/units.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  grantableGiB,
  mayJoin,
  shares,
  unpromisedGiB,
} from '../../../../tools/execution/lease/policy/fit.js';
import { grant, STANDSTILL_MS } from '../../../../tools/execution/lease/policy/grant.js';
import { ranked } from '../../../../tools/execution/lease/policy/priority.js';
import { CELL_KINDS } from '../../../../tools/suite/model/cell.js';
import type {
  Gpu,
  Grant,
  Lease,
  SchedulerState,
  Ticket,
} from '../../../../tools/execution/lease/policy/state.js';
import { gpu, lease, state, ticket } from '../builders.js';

const NOW = 10_000_000;
const GPUS = 6;
const UUIDS = Array.from({ length: GPUS }, (_, index) => `GPU-${index}`);

const arbitraryGpus: fc.Arbitrary<Gpu[]> = fc
  .array(
    fc.record({
      totalGiB: fc.constantFrom(24, 80, 180),
      share: fc.integer({ min: 0, max: 100 }),
      busy: fc.boolean(),
    }),
    { minLength: 1, maxLength: GPUS },
  )
  .map((all) =>
    all.map(({ totalGiB, share, busy }, index) =>
      gpu(index, { totalGiB, freeGiB: (totalGiB * share) / 100, busy }),
    ),
  );

const arbitraryTicket: fc.Arbitrary<Ticket> = fc
  .record({
    id: fc.nat({ max: 1_000_000 }),
    key: fc.integer({ min: 0, max: 12 }),
    gpus: fc.integer({ min: 0, max: 3 }),
    gibPerGpu: fc.integer({ min: 0, max: 180 }),
    cpuSlots: fc.integer({ min: 1, max: 3 }),
    ramGiB: fc.integer({ min: 0, max: 60 }),
    parts: fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 3 }),
    kind: fc.constantFrom(...CELL_KINDS),
    model: fc.constantFrom('a', 'b', 'c'),
    weightsGiB: fc.integer({ min: 1, max: 150 }),
    base: fc.integer({ min: 0, max: 100 }),
    blocks: fc.integer({ min: 0, max: 50 }),
    sharing: fc.constantFrom('exclusive' as const, 'memory' as const),
    requireIdle: fc.boolean(),
    queuedAtMs: fc.integer({ min: 0, max: NOW }),
    backsOff: fc.boolean(),
    pool: fc.subarray(UUIDS, { minLength: 1 }),
  })
  .map(
    ({
      gpus,
      gibPerGpu,
      cpuSlots,
      ramGiB,
      parts,
      kind,
      model,
      weightsGiB,
      base,
      blocks,
      sharing,
      requireIdle,
      ...rest
    }) =>
      ticket(`t${rest.id}`, {
        key: `k${rest.key}`,
        needs: {
          gpus,
          gibPerGpu,
          cpuSlots,
          ramGiB,
          writes: parts.map((gib, at) => ({ part: `p${at}`, bytes: gib * GIB })),
        },
        limits: {
          sharing,
          requireIdle,
          cpuSlots: 8,
          gpus: rest.pool,
          disk: { device: 'disk', minFreeBytes: 10 * GIB },
        },
        standing: { kind, model, weightsGiB, base, blocks },
        queuedAtMs: rest.queuedAtMs,
        notBeforeMs: rest.backsOff && rest.id % 5 === 0 ? NOW + 1 : 0,
      }),
  );

const arbitraryState: fc.Arbitrary<SchedulerState> = fc
  .record({
    gpus: arbitraryGpus,
    tickets: fc.uniqueArray(arbitraryTicket, { selector: ({ id }) => id, maxLength: 14 }),
    held: fc.subarray(UUIDS),
    ramGiB: fc.integer({ min: 60, max: 200 }),
    diskGiB: fc.integer({ min: 0, max: 200 }),
    strategy: fc.constantFrom('small_first' as const, 'critical_path' as const),
    done: fc.record({ a: fc.integer({ min: 0, max: 10 }), b: fc.integer({ min: 0, max: 10 }) }),
  })
  .map(({ gpus, tickets, held, ramGiB, diskGiB, strategy, done }) =>
    state({
      gpus,
      ramGiB,
      diskBytes: diskGiB * GIB,
      tickets: tickets.map((one) => ({ ...one, limits: { ...one.limits, strategy } })),
      leases: held
        .filter((uuid) => gpus.some((one) => one.uuid === uuid))
        .map((uuid, at) =>
          lease(`l${at}`, {
            key: `k${at}`,
            gpus: [uuid],
            gibPerGpu: 10,
            ramGiB: 5,
            diskBytes: 5 * GIB,
            sharing: at % 2 === 0 ? 'exclusive' : 'memory',
            grantedAtMs: NOW - 50_000,
            seconds: at * 40,
          }),
        ),
      progress: { r: { done, total: { a: 10, b: 10, c: 10 }, seconds: { 'a/certify': 30 } } },
    }),
  );

/** The lease a grant becomes. */
const leaseOf = ({ ticket: wanted, gpus, cpuSlots, ramGiB, diskBytes, seconds }: Grant): Lease =>
  lease(wanted.id, {
    key: wanted.key,
    model: wanted.standing.model,
    gpus,
    gibPerGpu: wanted.needs.gibPerGpu,
    cpuSlots,
    ramGiB,
    diskBytes,
    sharing: shares(wanted) ? 'memory' : 'exclusive',
    grantedAtMs: NOW,
    seconds,
  });

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

describe('whatever the state', () => {
  test('no GPU over its memory, no exclusive one shared, nothing that does not fit', () => {
    fc.assert(
      fc.property(arbitraryState, (of) => {
        const holders = (uuid: string, leases: readonly Lease[]): Lease[] =>
          leases.filter(({ gpus }) => gpus.includes(uuid));
        const leases = [...of.leases];
        for (const granted of grant(of, NOW).grants) {
          const { needs, limits } = granted.ticket;
          expect(granted.gpus).toHaveLength(needs.gpus);
          expect(new Set(granted.gpus).size).toBe(needs.gpus);
          for (const uuid of granted.gpus) {
            const given = of.host.gpus.find((one) => one.uuid === uuid);
            if (given === undefined) throw new Error(`${uuid} is no GPU of the host`);
            expect(limits.gpus).toContain(uuid);
            if (limits.requireIdle) expect(given.busy).toBe(false);
            expect(mayJoin(granted.ticket, holders(uuid, leases))).toBe(true);
            const free = unpromisedGiB(given, holders(uuid, leases));
            expect(needs.gibPerGpu).toBeLessThanOrEqual(grantableGiB(free, needs, limits.toleranceGiB));
          }
          leases.push(leaseOf(granted));
        }
        for (const one of of.host.gpus) {
          const on = holders(one.uuid, leases);
          if (on.some(({ sharing }) => sharing === 'exclusive')) expect(on.length).toBeLessThanOrEqual(1);
          if (on.length > holders(one.uuid, of.leases).length)
            expect(unpromisedGiB(one, on)).toBeGreaterThanOrEqual(0);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('slots, host memory and disk stay within their limits; no key runs twice', () => {
    fc.assert(
      fc.property(arbitraryState, (of) => {
        const { grants } = grant(of, NOW);
        const all = [...of.leases, ...grants.map(leaseOf)];
        const keys = all.map(({ key }) => key);
        expect(new Set(keys).size).toBe(keys.length);
        if (grants.length > 0) {
          expect(sum(all.map(({ cpuSlots }) => cpuSlots))).toBeLessThanOrEqual(8);
          expect(sum(all.map(({ ramGiB }) => ramGiB))).toBeLessThanOrEqual(of.host.ramGiB);
        }
        const promised = sum(all.map(({ diskBytes }) => diskBytes));
        if (grants.some(({ diskBytes }) => diskBytes > 0)) {
          expect((of.host.freeDiskBytes.disk ?? 0) - promised).toBeGreaterThanOrEqual(10 * GIB);
        }
        for (const { ticket: wanted, parts } of grants) {
          expect(wanted.notBeforeMs).toBeLessThanOrEqual(NOW);
          const names = wanted.needs.writes.map(({ part }) => part);
          expect(parts).toEqual(names.slice(0, parts.length));
          expect(parts.length > 0).toBe(names.length > 0);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('the order of the tickets changes nothing', () => {
    fc.assert(
      fc.property(arbitraryState, fc.infiniteStream(fc.nat()), (of, noise) => {
        const shuffled = of.tickets
          .map((value) => ({ value, rank: noise.next().value as number }))
          .sort((a, b) => a.rank - b.rank)
          .map(({ value }) => value);
        expect(grant({ ...of, tickets: shuffled }, NOW)).toEqual(grant(of, NOW));
      }),
      { numRuns: 300 },
    );
  });

  test('nobody who could have been served in his turn was passed over', () => {
    fc.assert(
      fc.property(arbitraryState, (of) => {
        const { grants, waiting } = grant(of, NOW);
        const rank = new Map(ranked(of, NOW).map(({ id }, at) => [id, at]));
        const rankOf = ({ id }: Ticket): number => rank.get(id) ?? 0;
        for (const { ticket: waits, reason } of waiting) {
          // What those before it keep for themselves is theirs.
          if (reason.what === 'gpus' && reason.reservedFor.length > 0) continue;
          if (reason.what === 'ram' && reason.freeGiB >= reason.wantedGiB) continue;
          const before = grants.filter((one) => rankOf(one.ticket) < rankOf(waits)).map(leaseOf);
          const alone = { ...of, leases: [...of.leases, ...before], tickets: [waits] };
          expect(grant(alone, NOW).grants).toEqual([]);
        }
      }),
      { numRuns: 500 },
    );
  });
});

test('every ticket is granted in the end, with one standstill after another if need be', () => {
  const possible = arbitraryState.map((of): SchedulerState => ({
    ...of,
    host: {
      ...of.host,
      gpus: UUIDS.map((_, index) => gpu(index, { totalGiB: 200, freeGiB: 196 })),
      freeDiskBytes: { disk: 60 * GIB },
    },
    leases: [],
    tickets: of.tickets.map((one) => ({
      ...one,
      limits: { ...one.limits, gpus: UUIDS },
      notBeforeMs: 0,
    })),
  }));
  fc.assert(
    fc.property(possible, (of) => {
      let now = NOW;
      let tickets = of.tickets;
      let running: { lease: Lease; grant: Grant }[] = [];
      let idleSinceMs: number | null = NOW;
      // Each round at least one part is granted or one cell ends.
      for (let round = 0; tickets.length > 0; round += 1) {
        expect(round).toBeLessThan(400);
        const decision = grant({ ...of, tickets, leases: running.map((one) => one.lease), idleSinceMs }, now);
        expect(decision.refusals).toEqual([]);
        for (const one of decision.grants) {
          running.push({ grant: one, lease: { ...leaseOf(one), grantedAtMs: now } });
          const left = one.ticket.needs.writes.slice(one.parts.length);
          tickets = tickets.filter(({ id }) => id !== one.ticket.id);
          if (left.length > 0 && one.parts.length > 0) {
            tickets = [...tickets, { ...one.ticket, needs: { ...one.ticket.needs, writes: left } }];
          }
        }
        idleSinceMs = running.length > 0 ? null : (idleSinceMs ?? now);
        const ends = running.map(({ lease: held }) => held.grantedAtMs + held.seconds * 1_000);
        now = ends.length > 0 ? Math.max(now, Math.min(...ends)) : now + STANDSTILL_MS;
        // Weights are gone with their last consumer: here at once, so that disk comes free again.
        running = running.filter(({ lease: held }) => held.grantedAtMs + held.seconds * 1_000 > now);
        if (running.length === 0) idleSinceMs = now;
      }
    }),
    { numRuns: 200 },
  );
});

test('a cell of all GPUs is not starved by small ones that never cease to come', () => {
  const everything = { gpus: 4, gibPerGpu: 70 };
  const big = ticket('big', { needs: everything, standing: { base: 99 }, queuedAtMs: 1 });
  const gpus = [0, 1, 2, 3].map((index) => gpu(index));
  let now = 1;
  let running: Lease[] = [];
  for (let round = 0; round < 200; round += 1) {
    // A small one of 72 s comes for every GPU that is free; the big one comes in the fifth round.
    const small = Array.from({ length: 4 }, (_, at) =>
      ticket(`${round}-${at}`, {
        needs: { gpus: 1, gibPerGpu: 10 },
        standing: { base: 1, weightsGiB: 1 },
        queuedAtMs: now,
      }),
    );
    const tickets = round >= 5 ? [big, ...small] : small;
    const { grants } = grant(state({ gpus, leases: running, tickets }), now);
    if (grants.some((one) => one.ticket.id === 'big')) {
      expect(round).toBeLessThanOrEqual(5 + 12);
      return;
    }
    // Those that run take between half and thrice as long as planned.
    running = [...running, ...grants.map((one) => ({ ...leaseOf(one), grantedAtMs: now }))];
    now += 20_000;
    running = running.filter(({ id, grantedAtMs, seconds }) => {
      const stretch = 0.5 + (id.length % 2) + (Number(id.at(-1)) * 1.5) / 3;
      return grantedAtMs + seconds * 1_000 * stretch > now;
    });
  }
  throw new Error('starved');
});
