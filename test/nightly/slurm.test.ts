// The long forms of test/rig/slurm/queue.test.ts: a hundred cells of half a second, five hundred in the queue, a node whose
// death the controller finds out by itself, and a controller that is down for half a minute.
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { notesOf } from '../support/engine/contract.js';
import { noSlurm } from '../support/slurm/cluster.js';
import { startedBench } from '../support/slurm/engine-bench.js';
import { queued, throughput } from '../support/slurm/queue-trials.js';

const missing = noSlurm();

const title = `the engine slurm for long${missing === undefined ? '' : ` (${missing})`}`;
describe.skipIf(missing !== undefined)(title, () => {
  const on = startedBench();

  test('a hundred cells of half a second on 2 × 2 GPUs', async () => {
    const seen = await throughput(on.bench, 100);
    console.log(`Slurm: ${JSON.stringify(seen)}`);
    expect(seen.startedOnce).toBe(true);
  });

  test('five hundred cells, of which at most twenty are in the queue', async () => {
    const seen = await queued(on.bench, 500, 20);
    console.log(`Slurm: ${JSON.stringify(seen)}`);
    expect(seen.allOnce).toBe(true);
    expect(seen.mostInQueue).toBeLessThanOrEqual(20);
  });

  test('a controller that is down for half a minute', async () => {
    const running = on.bench.run({ key: 's.m.x:before', gpus: 1, sleepMs: 20_000 });
    await expect.poll(() => on.bench.hasStarted('s.m.x:before'), { timeout: 120_000 }).toBe(true);
    await on.cluster.stopController();
    const coming = on.bench.run({ key: 's.m.x:meanwhile', gpus: 1 });
    await sleep(30_000);
    await on.cluster.startController();
    expect(await Promise.all([running, coming])).toMatchObject([{ ok: true }, { ok: true }]);
    for (const key of ['s.m.x:before', 's.m.x:meanwhile'])
      expect(notesOf(on.bench.notes, key).map(({ what }) => what)).toEqual(['start', 'end']);
  });

  test('a node that dies, as the controller finds out by itself', async () => {
    const key = 's.m.x:node';
    const first = on.bench.run({ key, gpus: 2, sleepMs: 3_600_000 });
    await expect.poll(() => on.bench.hasStarted(key), { timeout: 120_000 }).toBe(true);
    const { stdout } = await execa('squeue', ['--noheader', '--states=running', '--format=%N|%j'], {
      env: on.cluster.env,
    });
    await on.cluster.killNode(/^(node\d)\|s\.m\.x:node@/m.exec(stdout)?.[1] ?? '');
    expect(await first).toMatchObject({ ok: false, error: { fault: { code: 'node_lost' } } });
    expect(await on.bench.run({ key, gpus: 2 })).toMatchObject({ ok: true });
  });
});
