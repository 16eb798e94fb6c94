import { GIB } from '../../../tools/base/units.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import type { GpuReading } from '../../../tools/host/gpu-answer.js';
import { UsageMeter } from '../../../tools/execution/worker/usage.js';

const gpu = (uuid: string, freeGiB: number): GpuReading => ({
  ...{ index: 0, uuid, totalGiB: 80, freeGiB, architecture: 'sm90' },
});
const SAID = { event: 'usage', peak_rss_bytes: 5, peak_gpu_bytes: 7, bytes_written: 9 } as const;

test('without a GPU nothing is sampled, and what the process said is kept', async () => {
  let reads = 0;
  const readGpus = (): Promise<GpuReading[]> => {
    reads += 1;
    return Promise.resolve([]);
  };
  using meter = new UsageMeter({ gpus: [], grantedAt: 0, beganAt: 0, readGpus, sampleEveryMs: 1 });
  meter.onEvent({ event: 'part', name: 'a' });
  expect(meter.usage()).toMatchObject({ peakRssBytes: null, bytesWritten: null });
  meter.onEvent({ ...SAID, peak_gpu_bytes: null });
  await sleep(20);
  expect(reads).toBe(0);
  expect(meter.usage(60_000)).toEqual({
    startSeconds: null,
    gpuHeldSeconds: 0,
    peakGpuBytes: { torch: null, nvidiaSmi: null },
    peakRssBytes: 5,
    bytesWritten: 9,
  });
});

test('peaks of the own GPUs are added up, each at its own moment, over failing samples', async () => {
  const readings = [
    [gpu('GPU-a', 70), gpu('GPU-b', 80), gpu('GPU-other', 0)],
    new Error('nvidia-smi failed'),
    [gpu('GPU-a', 78), gpu('GPU-b', 60), gpu('GPU-other', 0)],
  ];
  let sample = 0;
  const readGpus = (): Promise<GpuReading[]> => {
    const reading = readings[sample];
    sample += 1;
    return reading instanceof Error ? Promise.reject(reading) : Promise.resolve(reading ?? []);
  };
  using meter = new UsageMeter({
    gpus: ['GPU-a', 'GPU-b'],
    grantedAt: 1_000,
    beganAt: 1_000,
    readGpus,
    sampleEveryMs: 1,
  });
  meter.onEvent(SAID);
  while (sample <= readings.length) await sleep(1);
  expect(meter.usage(31_000)).toMatchObject({
    gpuHeldSeconds: 60,
    peakGpuBytes: { torch: 7, nvidiaSmi: 30 * GIB },
  });
});

test('sampling ends with the meter', async () => {
  let reads = 0;
  const meter = new UsageMeter({
    gpus: ['GPU-a'],
    grantedAt: 0,
    beganAt: 0,
    readGpus: async () => {
      reads += 1;
      await sleep(5);
      return [];
    },
    sampleEveryMs: 1,
  });
  while (reads === 0) await sleep(1);
  meter[Symbol.dispose]();
  const before = reads;
  await sleep(40);
  expect(reads).toBe(before);
});

test('the start ends where the model is first touched', () => {
  vi.useFakeTimers({ now: 10_000 });
  try {
    using meter = new UsageMeter({
      gpus: [],
      grantedAt: 0,
      beganAt: 7_500,
      readGpus: () => Promise.resolve([]),
    });
    meter.onEvent({ event: 'started' });
    vi.setSystemTime(20_000);
    // InvarLock loads two models.
    meter.onEvent({ event: 'started' });
    expect(meter.usage().startSeconds).toBe(2.5);
    // What an evaluation then did beside the model counts to it.
    meter.onEvent({ event: 'beside', seconds: 4 });
    expect(meter.usage().startSeconds).toBe(6.5);
  } finally {
    vi.useRealTimers();
  }
});
