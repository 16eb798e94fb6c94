// Names a process beyond its pid: start time, boot and PID namespace, so that a recycled pid or a reboot is never
// mistaken for it, and a process of another container is never judged.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { hostname, uptime } from 'node:os';

/** A process of this host. `startTime` is opaque: clock ticks since boot on Linux, `ps` text elsewhere. */
export interface ProcessIdentity {
  pid: number;
  startTime: string;
  bootId: string;
  /** PID namespace of whoever wrote this; processes of another one cannot be seen from here. */
  pidNamespace: string;
  /** Time namespace: start times and clocks of another one mean something else here. Records of earlier versions have none. */
  timeNamespace?: string | undefined;
  host: string;
}

let bootIdOnce: string | undefined;
let namespaceOnce: string | undefined;
let timeNamespaceOnce: string | undefined;

/** The kernel's boot id; on systems without one, the boot time as `sysctl` prints it. */
export function bootId(): string {
  bootIdOnce ??= readBootId();
  return bootIdOnce;
}

export function pidNamespace(): string {
  namespaceOnce ??= readPidNamespace();
  return namespaceOnce;
}

export function timeNamespace(): string {
  timeNamespaceOnce ??= readTimeNamespace();
  return timeNamespaceOnce;
}

export function ownIdentity(): ProcessIdentity {
  return identityOf(process.pid) ?? identity(process.pid, 'unknown');
}

/** The identity of a running process, or undefined when there is none (a zombie counts as gone). */
export function identityOf(pid: number): ProcessIdentity | undefined {
  const startTime = startTimeOf(pid);
  return startTime === undefined ? undefined : identity(pid, startTime);
}

/** Whether that very process still runs. */
export function isAlive(of: ProcessIdentity): boolean {
  return of.bootId === bootId() && startTimeOf(of.pid) === of.startTime;
}

/** As `isAlive`, and whether it runs or is stopped (SIGSTOP, Ctrl-Z, a debugger): one look for both. */
export function lifeOf(of: ProcessIdentity): 'gone' | 'stopped' | 'awake' {
  if (process.platform !== 'linux') return isAlive(of) ? 'awake' : 'gone';
  const stat = of.bootId === bootId() ? statOf(of.pid) : undefined;
  if (stat?.[19] !== of.startTime) return 'gone';
  return isStop(stat[0]) ? 'stopped' : 'awake';
}

/**
 * Why this process cannot tell whether that one lives; undefined when it can.
 *
 * @param writtenMs when that process wrote of itself last, by the file system's clock. Under this host's name but another
 * boot, it is of an earlier one, and gone; unless it wrote since this boot: then two systems have one name.
 */
export function strangeness(of: ProcessIdentity, writtenMs?: number): string | undefined {
  if (of.bootId === bootId()) {
    if (of.pidNamespace !== pidNamespace()) return `another PID namespace (container) of host ${of.host}`;
    const isOwnTime = of.timeNamespace === undefined || of.timeNamespace === timeNamespace();
    return isOwnTime ? undefined : `another time namespace of host ${of.host}`;
  }
  // Another host: its processes are out of sight.
  if (of.host !== hostname()) return `another host (${of.host})`;
  return writtenMs !== undefined && writtenMs > bootedAtMs() + CLOCK_SLACK_MS
    ? `another system with this host's name (${of.host})`
    : undefined;
}

/** Clocks of a system and of its file systems differ by less. */
const CLOCK_SLACK_MS = 5_000;

/** When this system began, by the wall clock as it stands now. */
export function bootedAtMs(): number {
  return Date.now() - uptime() * 1_000;
}

/** Stopped by SIGSTOP or a debugger: alive, and silent. */
export function isStopped(pid: number): boolean {
  return process.platform === 'linux' && isStop(statOf(pid)?.[0]);
}

function isStop(state: string | undefined): boolean {
  return state === 'T' || state === 't';
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
  return pidsOfHost().some((pid) => groupOf(pid) === groupId);
}

/** Process group of a running process. */
export function groupOf(pid: number): number | undefined {
  const group = process.platform === 'linux' ? statOf(pid)?.[2] : undefined;
  return group === undefined ? undefined : Number(group);
}

/** Parent of a running process. */
export function parentOf(pid: number): number | undefined {
  const parent = process.platform === 'linux' ? statOf(pid)?.[1] : undefined;
  return parent === undefined ? undefined : Number(parent);
}

/** Name of the program a running process runs, its first 15 bytes. */
export function commandOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd();
  } catch {
    return undefined;
  }
}

/** Every process of this namespace; empty where there is no /proc. */
export function pidsOfHost(): number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function identity(pid: number, startTime: string): ProcessIdentity {
  const own = { bootId: bootId(), pidNamespace: pidNamespace(), timeNamespace: timeNamespace() };
  return { pid, startTime, ...own, host: hostname() };
}

/** Fields of /proc/<pid>/stat from the state on; undefined for a process that is gone or a zombie. */
function statOf(pid: number): string[] | undefined {
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

function readPidNamespace(): string {
  return process.platform === 'linux' ? readlinkSync('/proc/self/ns/pid') : 'one';
}

/** Kernels before 5.6 have only one. */
function readTimeNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/time');
  } catch {
    return 'one';
  }
}
