// In real allocations of a real Slurm on this machine: the script of docs/slurm.md, two jobs on one node, one workspace.
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DIST, REPOSITORY } from '../../support/repository.js';
import { Cluster, noSlurm } from '../../support/slurm/cluster.js';
import { Rig, SMALL_SUITE } from '../../support/rig/workspace.js';

const missing = noSlurm();

/** The script that docs/slurm.md has, as it is written there. */
const SBATCH =
  /```bash\n(#!\/bin\/bash\n[\s\S]*?)```/.exec(
    readFileSync(join(REPOSITORY, 'docs/slurm.md'), 'utf8'),
  )?.[1] ?? '';

let cluster: Cluster;

/** GPUs as a job on a node of this cluster sees them where devices are confined: those that it was granted. */
const NVIDIA_SMI = `#!/bin/sh
case "$1" in *compute-apps*) exit 0 ;; esac
for gpu in $(echo "$SLURM_JOB_GPUS" | tr , ' '); do
  echo "$gpu, GPU-0000000$gpu-0000-0000-0000-000000000000, 81559, 81079, 9.0, [N/A]"
done
`;

class SlurmRig extends Rig {
  readonly env: NodeJS.ProcessEnv;

  constructor() {
    super(SMALL_SUITE);
    this.write('bin/nvidia-smi', NVIDIA_SMI);
    chmodSync(join(this.root, 'bin/nvidia-smi'), 0o755);
    this.write('validation.sbatch', SBATCH);
    const { env } = this.command([]).options;
    this.env = { ...process.env, ...env, PATH: `${join(this.root, 'bin')}:${process.env.PATH ?? ''}` };
  }

  submit(args: string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
    const small = ['--cpus-per-task=2', '--mem=6000', '--time=30', ...args];
    return cluster.submit('validation.sbatch', small, { cwd: this.root, env: { ...this.env, ...env } });
  }

  log(job: string): string {
    const path = `validation-${job}.log`;
    return this.exists(path) ? this.read(path) : '';
  }
}

const title = `in real Slurm allocations${missing === undefined ? '' : ` (${missing})`}`;
describe.skipIf(missing !== undefined)(title, { timeout: 900_000 }, () => {
  beforeAll(async () => {
    cluster = await Cluster.start();
  }, 120_000);
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  }, 60_000);

  test('two jobs of one user on a node: each has its own GPU by the name that Slurm gave it, and both finish', async () => {
    await using one = new SlurmRig();
    await using two = new SlurmRig();
    const rigs = [one, two];
    // The same place for both, as one user's is, and the same locks of GPUs.
    const shared = {
      VALIDATION_LOCK_DIR: one.lockDirectory,
      VALIDATION_GPU_LOCKS: join(one.root, 'gpu-locks'),
    };
    // Neither ends before the other has begun with its GPU.
    one.script({ 'rig.m.baseline:calibrate-1': { until: 'other' } });
    two.script({ 'rig.m.baseline:calibrate-1': { until: 'other' } });
    for (const rig of rigs) await rig.generate();
    const gpu = ['--nodelist=node1', '--gpus-per-node=1'];
    const jobs = await Promise.all(rigs.map((rig) => rig.submit(gpu, shared)));
    const begun = (rig: SlurmRig): boolean =>
      rig.ran().some(({ cell }) => cell === 'rig.m.baseline:calibrate-1');
    await cluster.until(jobs[0] ?? '', () => rigs.every(begun));
    for (const rig of rigs) rig.write('other', '');
    for (const [index, job] of jobs.entries()) {
      expect(await cluster.ended(job), rigs[index]?.log(job)).toMatchObject({
        state: 'COMPLETED',
        exitCode: 0,
      });
    }
    const given = rigs.map((rig) =>
      [...new Set(rig.ran().map(({ gpus }) => gpus))].filter((name) => name !== ''),
    );
    // Slurm's own numbers, and never one of the other's.
    expect(given.flat().sort()).toEqual(['0', '1']);
    for (const job of jobs) {
      expect(
        existsSync(`${one.lockDirectory}-slurm-${job}-gpus-${given[jobs.indexOf(job)]?.[0] ?? ''}`),
      ).toBe(true);
    }
  });

  test('memory and cores are those of the job', async () => {
    await using rig = new SlurmRig();
    const script = `const { hostRamGiB, cores } = await import(${JSON.stringify(join(DIST, 'host/host.js'))}); console.log(hostRamGiB().toFixed(3), cores());`;
    rig.write(
      'validation.sbatch',
      `#!/bin/bash\nexec ${process.execPath} --input-type=module -e '${script}'\n`,
    );
    const job = await rig.submit(['--mem=700', '--cpus-per-task=1', `--output=validation-%j.log`]);
    await cluster.ended(job);
    // 90 % of 700 MiB.
    expect(rig.log(job).trim()).toBe('0.615 1');
  });

  test('the script of docs/slurm.md goes on in its next allocation, and a second job in its workspace is refused by name', async () => {
    await using rig = new SlurmRig();
    // It would never end: the end of the allocation ends it.
    rig.script({ 'rig.m.edits:edit': { until: 'go' } });
    await rig.generate();
    // Three minutes, and the two that are kept for cutting the cell and for the verdict.
    const time = ['--time=5', '--gpus-per-node=1'];
    const job = await rig.submit(time);
    await cluster.until(job, () => rig.ran().some(({ cell }) => cell === 'rig.m.edits:edit'));

    const second = await rig.submit(time);
    expect(await cluster.ended(second)).toMatchObject({ state: 'FAILED', exitCode: 1 });
    expect(rig.log(second)).toMatch(
      new RegExp(
        `not started: nx on host \\S+ \\(process \\d+, Slurm job ${job}, since .*\\) runs this workspace already`,
      ),
    );

    await cluster.until(job, ({ state, restarts }) => state === 'PENDING' && restarts === 1, 500_000);
    const first = rig.log(job);
    expect(first).toMatch(/Slurm job \d+ on node\d ends at .*Z: cells that would pass it are not started/);
    expect(first).toContain('rig.m.edits:edit failed (deadline): ended in time before ');
    expect(first).toMatch(
      /the run ended in time before this host is taken away \(.*Z\): \d+ of 15 cells are left\./,
    );
    rig.write('go', '');
    await cluster.longer(job, 60);
    expect(await cluster.ended(job), rig.log(job)).toMatchObject({
      state: 'COMPLETED',
      exitCode: 0,
      restarts: 1,
    });
    const starts = rig.ran().filter(({ what }) => what === 'start');
    const ends = rig.ran().filter(({ what }) => what === 'end');
    // All were made once; the one that was cut began twice.
    expect(new Set(ends.map(({ cell }) => cell)).size).toBe(15);
    expect(ends).toHaveLength(15);
    expect(starts.filter(({ cell }) => cell === 'rig.m.edits:edit')).toHaveLength(2);
    expect(rig.log(job).slice(first.length)).toContain('all 15 cells finished');
  });
});
