// The host as a pass sees it: memory in all, and what is free where weights are stored.
import { readFileSync, statfsSync, statSync } from 'node:fs';
import { totalmem } from 'node:os';
import { dirname } from 'node:path';
import { GIB } from '../base/units.js';

/** What the operating system and everything that is no cell keep of the host's memory. */
const SYSTEM_SHARE = 0.1;

/** GiB of host memory that cells may take: the host's, or less where a cgroup (container, Slurm) says so. */
export function hostRamGiB(): number {
  return (Math.min(totalmem(), cgroupLimit()) / GIB) * (1 - SYSTEM_SHARE);
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

function cgroupLimit(): number {
  for (const path of ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes']) {
    try {
      const limit = Number(readFileSync(path, 'utf8').trim());
      if (Number.isFinite(limit) && limit > 0) return limit;
    } catch {
      // another version of cgroups, or none
    }
  }
  return Infinity;
}
