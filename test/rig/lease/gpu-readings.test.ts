// What executors know of the GPUs: one reading for all of them, and what happens when nvidia-smi does not answer.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { runNvidiaSmi } from '../../../tools/host/nvidia-smi.js';
import { setEnvironment } from '../../support/environment.js';
import { requestOf } from '../../support/lease/executors.mjs';
import { LeaseRig, until } from '../../support/lease/rig.js';
import { SUPPORT } from '../../support/repository.js';

const TIMEOUT = { timeout: 120_000 };

/** `count` executors in a process of their own; counts those that wait. */
function crowd(rig: LeaseRig, name: string, count: number) {
  const requests = Array.from({ length: count }, (_, at) =>
    requestOf(`${name}-${at}`, { pool: rig.gpus.uuids, gpuLocks: rig.gpus.locks }),
  );
  const config = JSON.stringify({ root: rig.root, requests });
  const child = spawn(process.execPath, [join(SUPPORT, 'lease/crowd.mjs'), config], {
    env: { ...process.env, ...rig.gpus.env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = new Promise((resolve) => child.once('close', resolve));
  const end = async (): Promise<void> => {
    child.kill('SIGKILL');
    await closed;
  };
  const found = { waiting: 0, end };
  createInterface({ input: child.stdout }).on('line', () => (found.waiting += 1));
  return found;
}

test(
  'fifty executors that wait for a GPU ask nvidia-smi once a second between them, and not at all while all are held',
  TIMEOUT,
  async () => {
    await using rig = new LeaseRig(1);
    const foreigner = rig.gpus.occupy(0);
    const began = performance.now();
    const crowds = Array.from({ length: 5 }, (_, at) => crowd(rig, `crowd-${at}`, 10));
    await until(() => crowds.every(({ waiting }) => waiting === 10));
    await sleep(3_000);
    // Two questions a reading; each of the fifty asking once would be a hundred at the start alone.
    const seconds = (performance.now() - began) / 1_000;
    expect(rig.gpus.calls()).toBeLessThanOrEqual(2 * (seconds / 0.9 + 1));

    foreigner.kill('SIGKILL');
    await until(() => rig.leases().length === 1);
    const before = rig.gpus.calls();
    await sleep(3_000);
    // One reading, should the grant have come between its two questions; a minute's rest then.
    expect(rig.gpus.calls() - before).toBeLessThanOrEqual(2);
    await Promise.all(crowds.map(({ end }) => end()));
  },
);

test(
  'an nvidia-smi that fails is told, fails nobody who waits, and keeps nobody from a CPU slot',
  TIMEOUT,
  async () => {
    await using rig = new LeaseRig(1);
    const holder = await rig.holder('holder');
    const waiting = await rig.waiter('waiting');
    rig.gpus.break('fail', 'Failed to initialize NVML: Driver/library version mismatch');
    holder.release();
    await holder.until('released');
    const told = 'no GPU is granted meanwhile: nvidia-smi failed: Failed to initialize NVML';
    await until(() => waiting.lines.some((line) => line.startsWith(told)));
    const cpu = await rig.holder('cpu', { needs: { gpus: 0 } });
    cpu.release();
    await cpu.until('released');
    expect(waiting.said('granted')).toBeUndefined();
    rig.gpus.mend();
    await waiting.until('granted');
    expect(waiting.lines.filter((line) => line.startsWith(told))).toHaveLength(1);
  },
);

test(
  'an nvidia-smi that hangs is given up, waited for once by all, and the GPU is granted when it answers again',
  TIMEOUT,
  async () => {
    await using rig = new LeaseRig(1);
    const holder = await rig.holder('holder');
    const needs = { nvidiaSmiMs: 3_000 };
    const waiting = await rig.waiter('waiting', { needs });
    const others = [await rig.waiter('other', { needs }), await rig.waiter('third', { needs })];
    rig.gpus.break('hang');
    holder.release();
    await holder.until('released');
    const all = [waiting, ...others];
    await until(() =>
      all.some(({ lines }) =>
        lines.some((line) => line.includes('nvidia-smi failed: gave no answer in 3 s')),
      ),
    );
    expect(all.some((each) => each.said('granted') !== undefined)).toBe(false);
    rig.gpus.mend();
    await Promise.race(all.map((each) => each.until('granted')));
    expect(all.map((each) => each.said('failed'))).toEqual([undefined, undefined, undefined]);
  },
);

test('a hanging nvidia-smi is an error that says how long it was waited for', TIMEOUT, async () => {
  await using rig = new LeaseRig(1);
  rig.gpus.break('hang');
  const environment = setEnvironment(rig.gpus.env);
  try {
    await expect(runNvidiaSmi(['--query-gpu=index'], 200)).rejects.toThrow(
      'nvidia-smi failed: gave no answer in 0.2 s. Mend the driver',
    );
  } finally {
    environment[Symbol.dispose]();
  }
});

test('a GPU that prints [N/A] gets no cell, the others do, and it comes back', TIMEOUT, async () => {
  await using rig = new LeaseRig(2);
  rig.gpus.describe({ lost: [0] });
  const first = await rig.holder('first');
  expect(rig.lease('first').gpus).toEqual([rig.gpus.uuids[1]]);
  expect(first.lines).toEqual([
    `nvidia-smi reports a GPU that has no usable figures, and that gets no cell: "0, ${rig.gpus.uuids[0] ?? ''}, [N/A], [N/A], 9.0, [N/A]"`,
  ]);
  const second = await rig.waiter('second');
  rig.gpus.describe();
  await second.until('granted');
  expect(rig.lease('second').gpus).toEqual([rig.gpus.uuids[0]]);
});
