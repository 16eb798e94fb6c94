// What the control groups of this process leave it of the host: memory and CPU time, along its own path to the root, of
// cgroups v2 and v1, as containers, Slurm and systemd set them. The tightest limit on the way counts.
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

export interface CgroupLimits {
  /** Bytes; Infinity without a limit. */
  memoryBytes: number;
  /** Cores' worth of time; Infinity without a limit. */
  cpus: number;
}

/** Where one hierarchy is mounted, and which of its groups that mount shows as its root. */
interface Mount {
  point: string;
  shows: string;
}

/** @param root of the file system, for tests. */
export function cgroupLimits(root = '/'): CgroupLimits {
  const mounts = text(join(root, 'proc/self/mountinfo'));
  const limits: CgroupLimits[] = [];
  for (const [, controllers = '', group = '/'] of text(join(root, 'proc/self/cgroup')).matchAll(
    /^\d+:([^:\n]*):(.*)$/gm,
  )) {
    const mount = mountOf(mounts, controllers);
    for (const directory of mount === undefined ? [] : groupsOf(mount, group)) {
      limits.push(limitsAt(join(root, directory)));
    }
  }
  return {
    memoryBytes: Math.min(Infinity, ...limits.map(({ memoryBytes }) => memoryBytes)),
    cpus: Math.min(Infinity, ...limits.map(({ cpus }) => cpus)),
  };
}

/** @param controllers as /proc/self/cgroup has them: `cpu,cpuacct`; empty for v2. */
function mountOf(mountinfo: string, controllers: string): Mount | undefined {
  for (const line of mountinfo.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , shows, point] = before.split(' ');
    const [type, , options = ''] = after.split(' ');
    if (shows === undefined || point === undefined) continue;
    const names = options.split(',');
    const isOurs =
      controllers === ''
        ? type === 'cgroup2'
        : type === 'cgroup' && controllers.split(',').every((name) => names.includes(name));
    if (isOurs) return { point: unescaped(point), shows: unescaped(shows) };
  }
  return undefined;
}

/** Blanks and the like stand there as octal numbers. */
function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}

/** The directories from the mount's root down to the own group. A group outside of what the mount shows is its root. */
function groupsOf({ point, shows }: Mount, group: string): string[] {
  const below = relative(shows, group);
  const parts = below.startsWith('..') ? [] : below.split('/').filter((part) => part !== '');
  return [...parts.keys(), parts.length].map((depth) => join(point, ...parts.slice(0, depth)));
}

function limitsAt(directory: string): CgroupLimits {
  const number = (name: string): number => positive(text(join(directory, name)).trim());
  const [quota = '', period = ''] = text(join(directory, 'cpu.max')).trim().split(/\s+/);
  return {
    // memory.high does not kill, but a group above it is slowed down until nothing moves.
    memoryBytes: Math.min(number('memory.max'), number('memory.high'), number('memory.limit_in_bytes')),
    cpus: Math.min(
      share(positive(quota), positive(period)),
      share(number('cpu.cfs_quota_us'), number('cpu.cfs_period_us')),
    ),
  };
}

function share(quota: number, period: number): number {
  return Number.isFinite(quota) && Number.isFinite(period) ? quota / period : Infinity;
}

/** `max`, -1 and files that are not there are no limit. */
function positive(value: string): number {
  return /^\d+$/.test(value) && Number(value) > 0 ? Number(value) : Infinity;
}

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
