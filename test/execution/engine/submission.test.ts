// What sbatch is told of a cell, and which pool it goes to.
import { expect, test } from 'vitest';
import { poolFor, type KnownPool } from '../../../tools/execution/engine/slurm/pools.js';
import {
  jobName,
  jobScript,
  sbatchArguments,
  submissionAt,
} from '../../../tools/execution/engine/slurm/submission.js';
import { mostGpus } from '../../../tools/monitoring/doctor/pools.js';
import { loadSiteSettings } from '../../../tools/suite/settings/settings.js';

const settings = { ...loadSiteSettings('/nowhere', {}), threads: 4 };
const submission = submissionAt('/w/output/.slurm/s.m.x--eval/0a1b');
const needs = { gpus: 2, gibPerGpu: 60, cpuSlots: 1, ramGiB: 9 };
const asked = {
  name: 's.m.x:eval@00ff',
  submission,
  needs,
  timeoutSeconds: 3_600,
  priority: 65,
  pool: { name: 'default' },
};

test('whole GPUs of one node, memory and cores as planned, a limit beyond the own time-out, never begun anew', () => {
  expect(sbatchArguments(asked, settings)).toEqual([
    '--parsable',
    '--job-name=s.m.x:eval@00ff',
    '--chdir=/w/output/.slurm/s.m.x--eval/0a1b',
    '--output=/w/output/.slurm/s.m.x--eval/0a1b/slurm.log',
    '--open-mode=append',
    '--export=ALL',
    '--no-requeue',
    '--nodes=1',
    '--ntasks=1',
    '--cpus-per-task=4',
    // 9 / 0.9 + 0.75 GiB.
    '--mem=11008M',
    '--gpus-per-node=2',
    '--time=65',
    '--nice=35',
    '/w/output/.slurm/s.m.x--eval/0a1b/job.sh',
  ]);
});

test('account, partition and more are the site’s; what a pool says goes before, and extra flags are last', () => {
  const pool = {
    name: 'big',
    partition: 'h200',
    constraint: 'gpumem140',
    gpu_type: 'h200',
    extra: ['--exclude=n7'],
  };
  const site = {
    ...settings,
    slurmAccount: 'a',
    slurmPartition: 'p',
    slurmQos: 'q',
    slurmExtra: ['--mem=1G'],
  };
  const told = sbatchArguments({ ...asked, pool }, site);
  for (const option of [
    '--account=a',
    '--partition=h200',
    '--qos=q',
    '--constraint=gpumem140',
    '--gpus-per-node=h200:2',
  ]) {
    expect(told).toContain(option);
  }
  expect(told.slice(-3)).toEqual(['--mem=1G', '--exclude=n7', submission.script]);
});

test('no GPU and no time-out: nothing is said of them', () => {
  const told = sbatchArguments({ ...asked, needs: { gpus: 0, ramGiB: 1 }, timeoutSeconds: 0 }, settings);
  expect(told.filter((option) => /gpus|time=/.test(option))).toEqual([]);
});

test('workspaces have jobs of other names, and paths with quotes stay whole', () => {
  expect(jobName('s.m.x:eval', '/w')).not.toBe(jobName('s.m.x:eval', '/v'));
  expect(jobScript("/o'dd/node", '/e.js', submission)).toContain(
    `exec '/o'\\''dd/node' '/e.js' '${submission.directory}'`,
  );
});

test('a cell goes to the smallest pool that has what it needs, and one without a GPU to the pool for those', () => {
  const known = (name: string, count: number, totalGiB: number): KnownPool => ({
    pool: { name },
    gpus: Array.from({ length: count }, (_, index) => ({
      index,
      uuid: `${index}`,
      totalGiB,
      freeGiB: totalGiB,
      architecture: 'sm90',
    })),
    record: undefined as never,
  });
  const pools = [known('big', 8, 140), known('small', 2, 80)];
  expect(poolFor({ gpus: 1, gibPerGpu: 60 }, pools, settings).name).toBe('small');
  expect(poolFor({ gpus: 1, gibPerGpu: 100 }, pools, settings).name).toBe('big');
  expect(poolFor({ gpus: 4, gibPerGpu: 60 }, pools, settings).name).toBe('big');
  const withCpu = { ...settings, slurmPools: [{ name: 'big' }, { name: 'cpus', gpus_per_node: 0 }] };
  expect(poolFor({ gpus: 0, gibPerGpu: 0 }, pools, withCpu).name).toBe('cpus');
});

test.each([
  ['gpu:h100:2\ngpu:h200:4(S:0-1)\n(null)\n', undefined, 4],
  ['gpu:h100:2\ngpu:h200:4(S:0-1)\n', 'h100', 2],
  ['gpu:8,shard:16\n', undefined, 8],
  ['(null)\n', undefined, 1],
])('sinfo says %j: %s has %d GPUs a node', (said, type, count) => {
  expect(mostGpus(said, type)).toBe(count);
});
