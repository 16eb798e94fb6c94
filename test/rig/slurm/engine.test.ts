// The engine `slurm` on a real Slurm: what every engine promises, how jobs end, and a suite whose head is killed.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { EngineFailure } from '../../../tools/execution/engine/engine.js';
import { readJobs } from '../../../tools/execution/engine/job-records.js';
import type { Result } from '../../../tools/base/result.js';
import { contract, type Said } from '../../support/engine/contract.js';
import { Cluster, noSlurm } from '../../support/slurm/cluster.js';
import { until } from '../../support/lease/rig.js';
import { EngineBench } from '../../support/slurm/engine-bench.js';
import { EngineRig } from '../../support/slurm/engine-rig.js';
import { SMALL_SUITE } from '../../support/rig/workspace.js';

const missing = noSlurm();

let cluster: Cluster;
let bench: EngineBench;

const scontrol = (...args: string[]) => execa('scontrol', args, { env: cluster.env });

const title = `the engine slurm${missing === undefined ? '' : ` (${missing})`}`;
describe.skipIf(missing !== undefined)(title, { timeout: 600_000 }, () => {
  let late: Promise<Result<Said, EngineFailure>>;
  beforeAll(async () => {
    cluster = await Cluster.start();
    bench = new EngineBench(cluster);
    // Its limit is some minutes away: it is looked at in the end.
    const key = 's.m.x:late';
    late = bench.run({ key, gpus: 0, sleepMs: 900_000 });
    await until(() => bench.hasStarted(key));
    const [job] = readJobs(bench.directory);
    await scontrol('update', `JobId=${job?.job ?? ''}`, 'TimeLimit=1');
  }, 180_000);
  afterAll(async () => {
    bench[Symbol.dispose]();
    await cluster[Symbol.asyncDispose]();
  }, 60_000);

  contract(() => ({
    engine: bench.engine(),
    run: (task, signal) => bench.run(task, { signal }),
    notes: bench.notes,
  }));

  test('no more jobs than max_jobs are in the queue, and the others say so', async () => {
    const lines: string[] = [];
    // The one with the time limit is there as well.
    const keys = ['a', 'b', 'c', 'd'].map((name) => `s.m.many:${name}`);
    const done = await Promise.all(
      keys.map((key) => bench.run({ key, gpus: 1, sleepMs: 1_000 }, { maxJobs: 3, lines })),
    );
    expect(done.every(({ ok }) => ok)).toBe(true);
    expect(lines).toContain('waiting: 3 jobs of this workspace are in the queue (slurm.max_jobs)');
  });

  test.each([
    [
      'memory that ran out',
      { key: 's.m.x:eats', gpus: 0, eatMiB: 1_500 },
      'host_out_of_memory',
      /the memory it asked for ran out/,
    ],
    [
      'an end before the cell began',
      { key: 's.m.x:ends', gpus: 0, exit: 3 },
      'environment',
      /FAILED, exit code 3/,
    ],
  ])('%s', async (_, task, code, message) => {
    const ended = await bench.run(task);
    expect(ended).toMatchObject({ ok: false, error: { reason: 'job', fault: { code } } });
    expect(ended.ok || ended.error.reason !== 'job' ? '' : ended.error.fault.message).toMatch(message);
  });

  test('a job that somebody else cancels, and one that another preempts', async () => {
    const byHand = bench.run({ key: 's.m.x:byhand', gpus: 1, sleepMs: 600_000 });
    await expect.poll(() => bench.hasStarted('s.m.x:byhand'), { timeout: 60_000 }).toBe(true);
    // Slurm may start it before it has told its number.
    const number = (): string =>
      readJobs(bench.directory).find(({ cell }) => cell === 's.m.x:byhand')?.job ?? '';
    await expect.poll(number, { timeout: 60_000 }).not.toBe('');
    await execa('scancel', [number()], { env: cluster.env });
    expect(await byHand).toMatchObject({ ok: false, error: { fault: { code: 'broken' } } });

    const preempted = bench.run({ key: 's.m.x:preempted', gpus: 2, sleepMs: 600_000 });
    await expect.poll(() => bench.hasStarted('s.m.x:preempted'), { timeout: 60_000 }).toBe(true);
    const urgent = ['--partition=urgent', '--nodes=2', '--gpus-per-node=2', '--mem=500', '--wrap=sleep 600'];
    const { stdout } = await execa('sbatch', ['--parsable', '--output=/dev/null', ...urgent], {
      env: cluster.env,
    });
    expect(await preempted).toMatchObject({ ok: false, error: { fault: { code: 'node_lost' } } });
    await execa('scancel', [stdout.trim()], { env: cluster.env });
  });

  test('a suite: its head is killed with all its processes, and the next one takes its jobs up', async () => {
    await using rig = new EngineRig(SMALL_SUITE, cluster);
    await rig.generate();
    // The scripted Python has no torch, which is said; what the runs need is kept.
    const { output: probed } = await rig.nx(['run', 'rig:doctor', '--engine']);
    expect(probed).toMatch(
      /pool default: node\d: cuda-sm90, 2 GPUs of 80 GiB a node, driver 550\.54; its files are seen here after [\d.]+ s; locks \(flock\) of the head in the weights store are seen there;/,
    );
    expect(readdirSync(join(rig.root, '.weights')).filter((name) => name.startsWith('.probe-'))).toEqual([]);
    const calibrations = ['rig.m.baseline:calibrate-1', 'rig.m.baseline:calibrate-2'];
    rig.script(Object.fromEntries(calibrations.map((cell) => [cell, { until: 'go' }])));
    const run = ['run-many', '-t', 'certify', '--output-style=static', '--verbose'];
    // As if the memory of this machine were the nodes' own disk.
    rig.env.VALIDATION_STORAGE_STAGING = mkdtempSync('/dev/shm/validation-staging-');
    onTestFinished(() => {
      rmSync(rig.env.VALIDATION_STORAGE_STAGING ?? '', { recursive: true, force: true });
    });
    const { file, args, options } = rig.command(run);
    const head = execa(file, args, { ...options, detached: true, cleanup: false });
    const begun = (): string[] =>
      rig.ran().flatMap(({ what, cell }) => (what === 'start' && calibrations.includes(cell) ? [cell] : []));
    await expect.poll(() => begun().length, { timeout: 240_000, interval: 250 }).toBe(2);
    process.kill(-(head.pid ?? 0), 'SIGKILL');
    await head;
    const left = (await rig.jobs()).filter(({ cell }) => calibrations.includes(cell));
    expect(left.map(({ state }) => state)).toEqual(['RUNNING', 'RUNNING']);

    const again = rig.start(run);
    const log = 'output/rig/logs/main.log';
    const taken = (): boolean =>
      rig.exists(log) && left.every(({ id }) => rig.read(log).split(`Slurm job ${id} began on`).length > 2);
    await expect.poll(taken, { timeout: 240_000, interval: 250 }).toBe(true);
    const status = await rig.nx(['run', 'rig:status']);
    const leases = await rig.nx(['leases']);
    expect(leases.output).toContain('jobs of Slurm');
    for (const { id, cell, node } of left)
      expect(leases.output).toMatch(new RegExp(`${id} +${cell} +runs on ${node}`));
    const asked = await rig.nx(['leases', '--break', left[0]?.id ?? '']);
    expect(asked.output).toContain(`would cancel Slurm job ${left[0]?.id ?? ''}: ${left[0]?.cell ?? ''}`);
    for (const { id, cell, node } of left) {
      expect(status.output).toMatch(
        new RegExp(`job ${id} +${cell.replaceAll('.', '[.]')} .*runs on ${node} .*1 GPU, attempt 1`),
      );
    }
    rig.write('go', '');
    const { exitCode, all } = await again;
    expect(exitCode, all).toBe(0);
    // Each began once and ended once: none was lost, none was done twice, and each computed on what Slurm granted.
    const ran = rig.ran();
    for (const what of ['start', 'end']) {
      expect(
        ran
          .filter((one) => one.what === what)
          .map(({ cell }) => cell)
          .sort(),
      ).toHaveLength(15);
    }
    expect(new Set(ran.map(({ cell }) => cell)).size).toBe(15);
    expect(new Set(ran.filter(({ cell }) => calibrations.includes(cell)).map(({ gpus }) => gpus))).toEqual(
      new Set(['0', '1']),
    );
    const receipt = JSON.parse(
      readFileSync(join(rig.root, 'output/rig/m/certificates/calibration/run_1/receipt.json'), 'utf8'),
    ) as { job: { id: string }; gpus: string[]; gpuHeldSeconds: number };
    expect(left.map(({ id }) => id)).toContain(receipt.job.id);
    expect(receipt.gpus).toHaveLength(1);
    expect(receipt.gpuHeldSeconds).toBeGreaterThan(0);
    // Jobs of one node share their copies: of the baseline, both edits and the error.
    const staged = [...all.matchAll(/staging: of \d weights in \S+ (\d) were there, (\d) copied/g)];
    const count = (index: number): number => staged.reduce((sum, found) => sum + Number(found[index]), 0);
    expect(count(2)).toBeGreaterThanOrEqual(3);
    expect(count(2)).toBeLessThanOrEqual(4);
    expect(count(1)).toBeGreaterThan(0);
    // Logs of jobs went on to the head.
    expect(all).toMatch(/rig\.m\.edits:edit: Slurm job \d+ began on node\d/);
    expect(await rig.jobs()).toEqual([]);
  });

  test('Ctrl-C cancels jobs, and with leave_jobs leaves them', async () => {
    await using rig = new EngineRig(SMALL_SUITE, cluster);
    await rig.generate();
    await rig.nx(['run', 'rig:doctor', '--engine']);
    const cell = 'rig.m.baseline:calibrate-1';
    rig.script({ [cell]: { until: 'go' } });
    const starts = (): number =>
      rig.ran().filter(({ what, cell: of }) => what === 'start' && of === cell).length;
    for (const leave of [true, false]) {
      const head = rig.start(['run', cell], { VALIDATION_SLURM_LEAVE_JOBS: String(leave) });
      const states = async (): Promise<string[]> => (await rig.jobs()).map(({ state }) => state);
      const log = 'output/rig/logs/main.log';
      const seen = (): boolean =>
        rig.exists(log) && rig.read(log).split(/Slurm job \d+ began on/).length > (leave ? 1 : 2);
      await expect.poll(seen, { timeout: 240_000, interval: 250 }).toBe(true);
      // A job runs some time before its cell does.
      await expect.poll(starts, { timeout: 240_000, interval: 250 }).toBe(1);
      head.kill('SIGINT');
      await head;
      if (leave) expect(await states()).toEqual(['RUNNING']);
      else await expect.poll(states, { timeout: 60_000 }).toEqual([]);
    }
    expect(starts()).toBe(1);

    // Cancelled by hand: its cell fails, by that name, and nothing of it is left in the queue.
    const head = rig.start(['run', cell]);
    await expect
      .poll(async () => (await rig.jobs()).map(({ state }) => state), { timeout: 240_000 })
      .toEqual(['RUNNING']);
    const broken = await rig.nx(['leases', '--break', cell, '--yes']);
    expect(broken.output).toMatch(/Slurm job \d+ is cancelled: rig\.m\.baseline:calibrate-1/);
    expect(broken.exitCode).toBe(0);
    expect((await head).all).toMatch(/failed \(broken\): Slurm job \d+ on node\d was cancelled by hand/);
    expect(await rig.jobs()).toEqual([]);
  });

  test('a time limit ends a job, and says so', async () => {
    expect(await late).toMatchObject({
      ok: false,
      error: {
        reason: 'job',
        fault: { code: 'timeout', message: expect.stringMatching(/was ended by its time limit/) as string },
      },
    });
  });
});
