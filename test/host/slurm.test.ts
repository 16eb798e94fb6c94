// What a process in a Slurm allocation has: its own lock directory and GPUs by Slurm's names, and what was granted.
import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { visibleTo } from '../../tools/execution/worker/job-file.js';
import { deviceView } from '../../tools/host/nvidia-smi.js';
import { endOfJob, slurmJob, slurmLimits } from '../../tools/host/slurm.js';
import { lookAtAllocation } from '../../tools/monitoring/run/allocation.js';
import { loadSiteSettings } from '../../tools/suite/settings/settings.js';

const JOB = {
  SLURM_JOB_ID: '7',
  SLURMD_NODENAME: 'node1',
  SLURM_JOB_GPUS: '2,3',
  CUDA_VISIBLE_DEVICES: '2,3',
};

test('a job, a step with some of its GPUs, and what is none', () => {
  expect(slurmJob(JOB)).toEqual({ id: '7', node: 'node1', restarts: 0, view: 'slurm-7-gpus-2-3' });
  expect(slurmJob({ ...JOB, SLURM_STEP_GPUS: '3', SLURM_RESTART_COUNT: '2' })).toMatchObject({
    view: 'slurm-7-gpus-3',
    restarts: 2,
  });
  // `srun --overlap` from outside: the same GPUs, the same view.
  expect(slurmJob({ ...JOB, SLURM_JOB_GPUS: undefined, SLURM_STEP_GPUS: '2,3' })?.view).toBe(
    slurmJob(JOB)?.view,
  );
  expect(slurmJob({})).toBeUndefined();
  // The shell that salloc leaves on the login node.
  expect(slurmJob({ SLURM_JOB_ID: '7' })).toBeUndefined();
  expect(slurmJob({ ...JOB, SLURM_JOB_ID: '../x' })).toBeUndefined();
});

test('each job has a lock directory and answers of nvidia-smi of its own, wherever they lie', () => {
  const directoryOf = (environment: NodeJS.ProcessEnv): string =>
    loadSiteSettings(tmpdir(), environment).lockDirectory;
  const plain = directoryOf({});
  expect(directoryOf(JOB)).toBe(`${plain}-slurm-7-gpus-2-3`);
  expect(directoryOf({ ...JOB, VALIDATION_LOCK_DIR: '/x/locks' })).toBe('/x/locks-slurm-7-gpus-2-3');
  expect(directoryOf({ VALIDATION_LOCK_DIR: '/x/locks' })).toBe('/x/locks');
  const views = [{}, JOB, { ...JOB, SLURM_JOB_ID: '8' }, { NVIDIA_VISIBLE_DEVICES: '1' }].map(deviceView);
  expect(new Set(views).size).toBe(4);
  expect(deviceView(JOB)).toBe(views[1]);
});

test('what Slurm granted counts, and nothing outside of a job', () => {
  const none = { cpus: Infinity, memoryBytes: Infinity };
  expect(slurmLimits({ SLURM_CPUS_ON_NODE: '2' })).toEqual(none);
  expect(slurmLimits(JOB)).toEqual(none);
  expect(slurmLimits({ ...JOB, SLURM_CPUS_ON_NODE: '4', SLURM_MEM_PER_NODE: '700' })).toEqual({
    cpus: 4,
    memoryBytes: 700 * 2 ** 20,
  });
  expect(slurmLimits({ ...JOB, SLURM_CPUS_ON_NODE: '4', SLURM_MEM_PER_CPU: '100' }).memoryBytes).toBe(
    400 * 2 ** 20,
  );
  // All of the node.
  expect(slurmLimits({ ...JOB, SLURM_MEM_PER_NODE: '0' }).memoryBytes).toBe(Infinity);
});

test.each([
  ['all of them, as Slurm set it', '2,3', ['GPU-b', 'GPU-a'], [3, 2], '2,3'],
  ['one of them', '2,3', ['GPU-b'], [3], '3'],
  ['UUIDs, where Slurm gives these', 'GPU-aaaa,GPU-bbbb', ['GPU-bbbb-1'], [1], 'GPU-bbbb'],
  ['a GPU that the list does not name', '0', ['GPU-b'], [3], 'GPU-b'],
  ['none', '2,3', [], [], ''],
])('the GPUs of a lease in a job: %s', (_, CUDA_VISIBLE_DEVICES, gpus, gpuIndices, expected) => {
  expect(visibleTo({ gpus, gpuIndices }, { ...JOB, CUDA_VISIBLE_DEVICES })).toBe(expected);
  expect(visibleTo({ gpus, gpuIndices }, { CUDA_VISIBLE_DEVICES })).toBe(gpus.join(','));
});

test('the end of a job is what Slurm says, or the setting where that is earlier', () => {
  const nowMs = Date.parse('2030-01-01T00:00:00Z');
  const job = { ...JOB, SLURM_JOB_END_TIME: String(nowMs / 1_000 + 3_600) };
  const settings = { deadline: null, deadlineMarginSeconds: 120 };
  expect(endOfJob({ id: '7', node: 'n', restarts: 0, view: '' }, job)).toEqual({
    ok: true,
    value: nowMs + 3_600_000,
  });
  expect(lookAtAllocation(settings, job, nowMs)).toEqual({
    deadline: '2030-01-01T01:00:00.000Z',
    lines: [
      'Slurm job 7 on node1 ends at 2030-01-01T01:00:00.000Z: cells that would pass it are not started, running ones are ended 120 s before',
    ],
  });
  const earlier = { ...settings, deadline: '2030-01-01T01:30:00+01:00' };
  expect(lookAtAllocation(earlier, job, nowMs).deadline).toBe('2030-01-01T00:30:00.000Z');
  expect(lookAtAllocation(earlier, {}, nowMs).deadline).toBe('2030-01-01T00:30:00.000Z');
  expect(lookAtAllocation({ ...settings, deadline: '2030-01-01T00:01:00Z' }, {}, nowMs).refusal).toBe(
    'this host ends at 2030-01-01T00:01:00.000Z, and deadline.margin_s (VALIDATION_DEADLINE_MARGIN) is 120 s: no cell could run',
  );
  expect(lookAtAllocation(settings, {}, nowMs)).toEqual({ lines: [] });
});

test('a job whose end nobody tells is told, and limits nothing', () => {
  const before = process.env.PATH;
  process.env.PATH = '/nowhere';
  try {
    const { lines, ...rest } = lookAtAllocation({ deadline: null, deadlineMarginSeconds: 120 }, JOB);
    expect(rest).toEqual({});
    expect(lines).toEqual([
      expect.stringMatching(
        /^when Slurm job 7 on node1 ends is not known \(.*scontrol.*\); VALIDATION_DEADLINE sets it$/,
      ),
    ]);
  } finally {
    process.env.PATH = before;
  }
});
