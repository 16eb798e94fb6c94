// Limits of control groups along the own path, in trees as the kernel shows them: v2 and v1, nested, in a container.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cgroupLimits } from '../../tools/host/cgroup.js';
import { otherGpus } from '../../tools/host/other-gpus.js';
import { DIST } from '../support/repository.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'validation-cgroup-'));
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

function tree(files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
}

const V2 = '30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n';
const V1 = [
  '32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct',
  '35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory',
  '41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n',
].join('\n');
const GROUP = 'sys/fs/cgroup/system.slice/slurmstepd.scope/job_7';

test('v2: the tightest on the way from the root to the own group, memory.high too', () => {
  tree({
    'proc/self/mountinfo': V2,
    'proc/self/cgroup': '0::/system.slice/slurmstepd.scope/job_7/step_0\n',
    'sys/fs/cgroup/system.slice/memory.max': 'max\n',
    'sys/fs/cgroup/system.slice/cpu.max': 'max 100000\n',
    [`${GROUP}/memory.max`]: `${8 * 2 ** 30}\n`,
    [`${GROUP}/memory.high`]: `${2 * 2 ** 30}\n`,
    [`${GROUP}/cpu.max`]: '150000 100000\n',
    [`${GROUP}/step_0/memory.max`]: 'max\n',
    [`${GROUP}/step_0/cpu.max`]: '50000 100000\n',
  });
  expect(cgroupLimits(root)).toEqual({ memoryBytes: 2 * 2 ** 30, cpus: 0.5 });
});

test('v1: each controller has a path of its own', () => {
  tree({
    'proc/self/mountinfo': V1,
    'proc/self/cgroup': '4:memory:/slurm/uid_1/job_2\n2:cpu,cpuacct:/other\n1:name=systemd:/x\n0::/\n',
    'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
    'sys/fs/cgroup/memory/slurm/uid_1/memory.limit_in_bytes': `${2 ** 31}\n`,
    'sys/fs/cgroup/cpu,cpuacct/other/cpu.cfs_quota_us': '250000\n',
    'sys/fs/cgroup/cpu,cpuacct/other/cpu.cfs_period_us': '100000\n',
  });
  expect(cgroupLimits(root)).toEqual({ memoryBytes: 2 ** 31, cpus: 2.5 });
});

test('a container sees its own group as the root, or a path that its mount does not show', () => {
  const limit = { 'sys/fs/cgroup/memory.max': `${2 ** 30}\n`, 'sys/fs/cgroup/cpu.max': '100000 100000\n' };
  const limits = { memoryBytes: 2 ** 30, cpus: 1 };
  tree({ 'proc/self/mountinfo': V2, 'proc/self/cgroup': '0::/\n', ...limit });
  expect(cgroupLimits(root)).toEqual(limits);
  tree({ 'proc/self/cgroup': '0::/docker/abc\n' });
  expect(cgroupLimits(root)).toEqual(limits);
  tree({ 'proc/self/mountinfo': V2.replace(' / ', ' /docker/abc ') });
  expect(cgroupLimits(root)).toEqual(limits);
  tree({ 'proc/self/cgroup': '0::/../elsewhere\n' });
  expect(cgroupLimits(root)).toEqual(limits);
});

test('no groups, -1 and max are no limit', () => {
  expect(cgroupLimits(root)).toEqual({ memoryBytes: Infinity, cpus: Infinity });
  tree({
    'proc/self/mountinfo': V1,
    'proc/self/cgroup': '2:cpu,cpuacct:/\n',
    'sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '-1\n',
    'sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
  });
  expect(cgroupLimits(root)).toEqual({ memoryBytes: Infinity, cpus: Infinity });
});

test('a GPU of another maker is named, a chip for the console is not', () => {
  const pci = (name: string, vendor: string, kind: string): Record<string, string> => ({
    [`sys/bus/pci/devices/${name}/vendor`]: `${vendor}\n`,
    [`sys/bus/pci/devices/${name}/class`]: `${kind}\n`,
  });
  const linux = { platform: 'linux', arch: 'x64' } as const;
  tree(pci('0000:00:02.0', '0x1a03', '0x030000'));
  expect(otherGpus(root, linux)).toBeUndefined();
  tree(pci('0000:83:00.0', '0x1002', '0x038000'));
  expect(otherGpus(root, linux)).toContain("this host's AMD GPU is not used");
  expect(otherGpus(root, { platform: 'darwin', arch: 'arm64' })).toContain('Apple GPU');
});

/** A real group of 2 GiB and half a core, where the system lets this process make one; v1 or v2. */
function realGroup(): { directories: string[] } | undefined {
  const name = `validation-test-${process.pid}`;
  const limits: [string, string, string][] = existsSync('/sys/fs/cgroup/cgroup.controllers')
    ? [
        [`/sys/fs/cgroup/${name}`, 'memory.max', `${2 ** 31}`],
        [`/sys/fs/cgroup/${name}`, 'cpu.max', '50000 100000'],
      ]
    : [
        [`/sys/fs/cgroup/memory/${name}`, 'memory.limit_in_bytes', `${2 ** 31}`],
        [`/sys/fs/cgroup/cpu/${name}`, 'cpu.cfs_quota_us', '50000'],
      ];
  const directories = [...new Set(limits.map(([directory]) => directory))];
  try {
    for (const directory of directories) mkdirSync(directory);
    for (const [directory, file, value] of limits) writeFileSync(join(directory, file), value);
    return { directories };
  } catch {
    for (const directory of directories) if (existsSync(directory)) rmdirSync(directory);
    return undefined;
  }
}

test('a process in a real group of 2 GiB and half a core plans 1.8 GiB and one slot', ({ skip }) => {
  const group = realGroup();
  if (group === undefined) return skip('no control group can be made here');
  try {
    const script = `
      const { hostRamGiB, cores } = await import(${JSON.stringify(join(DIST, 'host/host.js'))});
      console.log(hostRamGiB().toFixed(3), cores());`;
    const enter = group.directories.map((directory) => `echo $$ > ${directory}/cgroup.procs`).join(' && ');
    const shell = `${enter} && exec "$0" --input-type=module -e "$1"`;
    expect(execFileSync('sh', ['-c', shell, process.execPath, script], { encoding: 'utf8' })).toBe(
      '1.800 1\n',
    );
  } finally {
    for (const directory of group.directories) rmdirSync(directory);
  }
});
