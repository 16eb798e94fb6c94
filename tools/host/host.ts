// The host as a pass sees it: memory in all, and what is free where weights are stored.
import { statfsSync, statSync } from 'node:fs';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { GIB } from '../base/units.js';
import { cgroupLimits } from './cgroup.js';
import { slurmLimits } from './slurm.js';

/** What the operating system and everything that is no cell keep of the host's memory. */
const SYSTEM_SHARE = 0.1;

/** GiB of host memory that cells may take: the host's, or less where a control group (container, Slurm) says so. */
export function hostRamGiB(): number {
  return ramLimitGiB() * (1 - SYSTEM_SHARE);
}

/** GiB of memory that this process may use, as the host, its control groups or Slurm say. */
export function ramLimitGiB(): number {
  return Math.min(totalmem(), cgroupLimits().memoryBytes, slurmLimits().memoryBytes) / GIB;
}

/** GiB of the host's memory that nobody uses, or that the system can take back at once. */
export function freeRamGiB(): number {
  return freemem() / GIB;
}

/** Cores that this process may use: those it may run on, or less where a control group limits its time; at least 1. */
export function cores(): number {
  return Math.max(1, Math.floor(Math.min(availableParallelism(), cgroupLimits().cpus, slurmLimits().cpus)));
}

/** Names the file system a directory lies on, or will lie on once it is made. */
export function deviceOf(directory: string): string {
  return String(statSync(existing(directory)).dev);
}

/** Bytes an ordinary user may still write there. */
export function freeDiskBytes(directory: string): number {
  const { bavail, bsize } = statfsSync(existing(directory));
  return bavail * bsize;
}

/** Bytes of the file system that a directory lies on, or will lie on. */
export function diskBytes(directory: string): number {
  const { blocks, bsize } = statfsSync(existing(directory));
  return blocks * bsize;
}

function existing(directory: string): string {
  for (let path = directory; ; path = dirname(path)) {
    if (isThere(path) || path === dirname(path)) return path;
  }
}

/** Nothing lies below a file either. */
function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return false;
    throw error;
  }
}
