// The engine `slurm` where the cluster is full, silent or broken: many cells, limits of submissions, a controller that is
// down, a node that dies. The long forms are in test/nightly/slurm.test.ts.
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { notesOf } from '../../support/engine/contract.js';
import { noSlurm } from '../../support/slurm/cluster.js';
import { startedBench } from '../../support/slurm/engine-bench.js';
import { queued, throughput } from '../../support/slurm/queue-trials.js';

const missing = noSlurm();

const title = `the engine slurm, many cells and a broken cluster${missing === undefined ? '' : ` (${missing})`}`;
describe.skipIf(missing !== undefined)(title, { timeout: 600_000 }, () => {
  const on = startedBench();

  test('cells of half a second on 2 × 2 GPUs: each once, and what a cell takes beside its work', async () => {
    const seen = await throughput(on.bench, 16);
    console.log(`Slurm: ${JSON.stringify(seen)}`);
    expect(seen.startedOnce).toBe(true);
  });

  test('of many cells that want in at once few are in the queue, and all are done once', async () => {
    const seen = await queued(on.bench, 30, 6);
    console.log(`Slurm: ${JSON.stringify(seen)}`);
    expect(seen.allOnce).toBe(true);
    expect(seen.mostInQueue).toBeGreaterThan(0);
    expect(seen.mostInQueue).toBeLessThanOrEqual(6);
  });

  test('the controller is down for a while: what runs goes on, what comes waits, and each is told once', async () => {
    const lines: string[] = [];
    const running = on.bench.run({ key: 's.m.x:before', gpus: 1, sleepMs: 6_000 }, { lines });
    await expect.poll(() => on.bench.hasStarted('s.m.x:before'), { timeout: 60_000 }).toBe(true);
    await on.cluster.stopController();
    const late: string[] = [];
    const coming = on.bench.run({ key: 's.m.x:meanwhile', gpus: 1 }, { lines: late });
    await expect.poll(() => late.length, { timeout: 120_000 }).toBeGreaterThan(0);
    await sleep(8_000);
    expect(on.bench.hasStarted('s.m.x:meanwhile')).toBe(false);
    await on.cluster.startController();
    expect(await Promise.all([running, coming])).toMatchObject([{ ok: true }, { ok: true }]);
    for (const key of ['s.m.x:before', 's.m.x:meanwhile'])
      expect(notesOf(on.bench.notes, key).map(({ what }) => what)).toEqual(['start', 'end']);
    expect(late.filter((line) => line.includes('Slurm does not answer'))).toHaveLength(1);
    expect(lines.filter((line) => line.includes('Slurm does not answer')).length).toBeLessThanOrEqual(1);
  });

  test('a node that dies is told as lost, and the work is done on the other', async () => {
    const key = 's.m.x:node';
    const first = on.bench.run({ key, gpus: 2, sleepMs: 600_000 });
    await expect.poll(() => on.bench.hasStarted(key), { timeout: 60_000 }).toBe(true);
    const { stdout } = await execa('squeue', ['--noheader', '--states=running', '--format=%N|%j'], {
      env: on.cluster.env,
    });
    const node = /^(node\d)\|s\.m\.x:node@/m.exec(stdout)?.[1] ?? '';
    await on.cluster.killNode(node);
    // The controller would find out by itself after SlurmdTimeout: the nightly waits for that.
    await execa('scontrol', ['update', `NodeName=${node}`, 'State=DOWN', 'Reason=dead'], {
      env: on.cluster.env,
    });
    const ended = await first;
    expect(ended).toMatchObject({ ok: false, error: { reason: 'job', fault: { code: 'node_lost' } } });
    const anew = await on.bench.run({ key, gpus: 2, sleepMs: 100 });
    expect(anew).toMatchObject({ ok: true });
    on.cluster.startNode(node);
    await execa('scontrol', ['update', `NodeName=${node}`, 'State=RESUME'], { env: on.cluster.env });
  });

  test('a site that takes no more jobs: cells wait, say so once, and come again', async () => {
    await on.cluster.stopController();
    await on.cluster.startController({ MaxJobCount: '3', MinJobAge: '2' });
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const said = names.map(() => [] as string[]);
    const done = await Promise.all(
      names.map((name, index) =>
        on.bench.run({ key: `s.m.full:${name}`, gpus: 1, sleepMs: 500 }, { lines: said[index] ?? [] }),
      ),
    );
    expect(done.every(({ ok }) => ok)).toBe(true);
    const told = said.flat().filter((line) => line.startsWith('waiting: Slurm takes no job for now: '));
    expect(told.length).toBeGreaterThan(0);
    expect(new Set(told).size).toBe(1);
  });
});
