import { describe, expect, test } from 'vitest';
import { gpu } from '../../execution/lease/builders.js';
import { cpuLanes, gpuLanes } from '../../../tools/monitoring/status/lanes.js';
import { concerns, NO_SIGN_OF_LIFE_MS } from '../../../tools/monitoring/status/liveness.js';
import { identity, leaseFacts, WELL } from './builders.js';

const pool = [0, 1, 2].map((index) => ({ uuid: `GPU-${index}`, index }));
const limits = { pool, minFreeGiB: 10, requireIdle: true };

describe('gpuLanes', () => {
  test('a lane a GPU of the pool, in nvidia-smi’s order, with holder and memory', () => {
    const lease = leaseFacts('a:eval', { gpus: ['GPU-1'], gpuIndices: [1], gibPerGpu: 20 });
    const gpus = [gpu(2), gpu(1, { freeGiB: 65, usedByLease: { [lease.lease.id]: 15 } }), gpu(0), gpu(3)];
    const lanes = gpuLanes({ leases: [lease], gpus, ...limits });
    expect(lanes.map(({ name }) => name)).toEqual(['GPU 0', 'GPU 1', 'GPU 2']);
    expect(lanes[1]).toMatchObject({ totalGiB: 80, usedGiB: 15, closed: null });
    expect(lanes[1]?.holders).toEqual([
      expect.objectContaining({
        cell: 's.m.a:eval',
        reservedGiB: 20,
        usedGiB: 15,
        workerPid: 12,
        attempt: 1,
      }),
    ]);
  });

  test('a cell on two GPUs is in both lanes; two cells share one lane, the older first', () => {
    const both = leaseFacts('both:eval', { gpus: ['GPU-0', 'GPU-1'], gpuIndices: [0, 1] });
    const younger = { ...leaseFacts('young:eval', { gpus: ['GPU-1'], gpuIndices: [1] }), elapsedSeconds: 1 };
    const lanes = gpuLanes({ leases: [younger, both], gpus: [gpu(0), gpu(1)], ...limits });
    expect(lanes.map(({ holders }) => holders.map(({ cell }) => cell))).toEqual([
      ['s.m.both:eval'],
      ['s.m.both:eval', 's.m.young:eval'],
      [],
    ]);
  });

  test('a lane that takes no cell says why', () => {
    const gpus = [gpu(0, { busy: true }), gpu(1, { freeGiB: 4 })];
    expect(gpuLanes({ leases: [], gpus, ...limits }).map(({ closed }) => closed)).toEqual([
      "another program's process is on it (GPU_REQUIRE_IDLE)",
      'only 4.0 GiB free, 10 wanted (GPU_MIN_FREE_GB)',
      'nvidia-smi tells nothing of it',
    ]);
    expect(gpuLanes({ leases: [], gpus, ...limits, requireIdle: false })[0]?.closed).toBeNull();
  });

  test('while nvidia-smi is silent the leases alone make lanes', () => {
    const lease = leaseFacts('a:eval', { gpus: ['GPU-9'], gpuIndices: [9] });
    const [lane] = gpuLanes({ leases: [lease], gpus: [], ...limits, pool: [] });
    expect(lane).toMatchObject({ name: 'GPU 9', totalGiB: null, usedGiB: null });
  });
});

test('cpuLanes: cells without a GPU, and slots that cells on GPUs take too', () => {
  const onGpu = leaseFacts('a:eval', { gpus: ['GPU-0'], gpuIndices: [0] });
  const lanes = cpuLanes([onGpu, leaseFacts('b:edit', { cpuSlots: 2 })], 8);
  expect(lanes).toMatchObject({ slots: 8, free: 5 });
  expect(lanes.holders.map(({ cell }) => cell)).toEqual(['s.m.b:edit']);
});

describe('concerns', () => {
  const pids = { executor: identity(11).pid, worker: 12 };

  test('nothing to say of who is well, nor of one that has no beat yet', () => {
    expect(concerns(pids, WELL)).toEqual([]);
    expect(concerns(pids, { ...WELL, silentMs: null, quietMs: null })).toEqual([]);
  });

  test.each([
    [{ executor: 'stopped' as const }, 'executor 11 is stopped (SIGSTOP); it goes on after: kill -CONT 11'],
    [{ executor: 'gone' as const }, 'executor 11 is gone; its processes are being ended'],
    [{ silentMs: 65_000 }, 'executor 11 has been silent for 1 min 05 s'],
    [{ worker: 'stopped' as const }, 'worker 12 is stopped (SIGSTOP); it goes on after: kill -CONT 12'],
    [{ quietMs: NO_SIGN_OF_LIFE_MS + 1 }, 'no sign of life from worker 12 for 20 min 00 s'],
    [{ broken: 'its lease was broken by x' }, 'its lease was broken by x; its processes are ending'],
    [{ executor: { elsewhere: 'another host (h)' } }, 'held from another host (h)'],
  ])('%o', (facts, sentence) => {
    expect(concerns(pids, { ...WELL, ...facts })).toEqual([sentence]);
  });

  test('a stopped executor writes no heartbeat: that is said once', () => {
    expect(concerns(pids, { ...WELL, executor: 'stopped', silentMs: 1e9 })).toHaveLength(1);
  });
});
