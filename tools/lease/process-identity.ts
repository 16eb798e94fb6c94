// Names a process beyond its pid: start time and boot, so that a recycled pid or a reboot is never mistaken for it.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** A process of this host. `startTime` is opaque: clock ticks since boot on Linux, `ps` text elsewhere. */
export interface ProcessIdentity {
  pid: number;
  startTime: string;
  bootId: string;
}

let bootIdOnce: string | undefined;

/** The kernel's boot id; on systems without one, the boot time as `sysctl` prints it. */
export function bootId(): string {
  bootIdOnce ??= readBootId();
  return bootIdOnce;
}

export function ownIdentity(): ProcessIdentity {
  return identityOf(process.pid) ?? { pid: process.pid, startTime: 'unknown', bootId: bootId() };
}

/** The identity of a running process, or undefined when there is none (a zombie counts as gone). */
export function identityOf(pid: number): ProcessIdentity | undefined {
  const startTime = startTimeOf(pid);
  return startTime === undefined ? undefined : { pid, startTime, bootId: bootId() };
}

/** Whether that very process still runs. */
export function isAlive(identity: ProcessIdentity): boolean {
  return identity.bootId === bootId() && startTimeOf(identity.pid) === identity.startTime;
}

/** Whether any process of the group is left, zombies aside; a group outlives its leader. */
export function isGroupAlive(groupId: number): boolean {
  try {
    process.kill(-groupId, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  if (process.platform !== 'linux') return true;
  // kill(2) counts zombies too, which nobody may reap where pid 1 is no init.
  return readdirSync('/proc').some((pid) => /^\d+$/.test(pid) && statOf(pid)?.[2] === String(groupId));
}

/** Fields of /proc/<pid>/stat from the state on; undefined for a process that is gone or a zombie. */
function statOf(pid: number | string): string[] | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The command name in parentheses may hold blanks and parentheses: fields count from the last ')'.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields;
}

function startTimeOf(pid: number): string | undefined {
  return process.platform === 'linux' ? statOf(pid)?.[19] : startTimeByPs(pid);
}

function startTimeByPs(pid: number): string | undefined {
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    return undefined;
  }
}

function readBootId(): string {
  if (process.platform === 'linux') return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return execFileSync('sysctl', ['-n', 'kern.boottime'], { encoding: 'utf8' }).trim();
}
