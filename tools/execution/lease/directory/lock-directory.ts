// The lock directory of a host: one place for every workspace and nx run of a user to share GPUs and CPU slots.
import { lstatSync, mkdirSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../../base/message.js';

export interface LockDirectory {
  root: string;
  schedulerLock: string;
  tickets: string;
  leases: string;
  /** Heartbeats of lease holders; on the disk `beats`. */
  heartbeats: string;
  /** Which leases were revoked by hand; on the disk `breaks`. */
  revocations: string;
  gpus: string;
  /** Answers of nvidia-smi, shared. */
  readings: string;
  /** What is finished of each run, and how long it took. */
  progress: string;
}

/**
 * Make the directory (mode 0700) or check the one that is there.
 *
 * @throws Error when a part is a symbolic link, no directory, another user's, or open to others.
 */
export function openLockDirectory(root: string): LockDirectory {
  const directory: LockDirectory = {
    root,
    schedulerLock: join(root, 'scheduler.lock'),
    tickets: join(root, 'tickets'),
    leases: join(root, 'leases'),
    heartbeats: join(root, 'beats'),
    revocations: join(root, 'breaks'),
    gpus: join(root, 'gpus'),
    readings: join(root, 'readings'),
    progress: join(root, 'progress'),
  };
  const { tickets, leases, heartbeats, revocations, gpus, readings, progress } = directory;
  for (const path of [root, tickets, leases, heartbeats, revocations, gpus, readings, progress]) {
    const fault = makeOrCheck(path);
    if (fault !== undefined) {
      throw new Error(
        `lock directory ${path} ${fault}. Name another in workspace-config/site.yaml (leases.directory).`,
      );
    }
  }
  return directory;
}

function makeOrCheck(path: string): string | undefined {
  try {
    const present = lstatSync(path, { throwIfNoEntry: false });
    if (present === undefined) mkdirSync(path, { recursive: true, mode: 0o700 });
    return faultOf(present ?? lstatSync(path));
  } catch (error) {
    return `cannot be used (${messageOf(error)})`;
  }
}

function faultOf(stats: Stats): string | undefined {
  if (stats.isSymbolicLink()) return 'is a symbolic link';
  if (!stats.isDirectory()) return 'is not a directory';
  const uid = process.getuid?.();
  if (uid !== undefined && stats.uid !== uid) return `belongs to user ${stats.uid}, not to you (${uid})`;
  if ((stats.mode & 0o077) !== 0)
    return `is open to other users (mode ${(stats.mode & 0o777).toString(8)}, 700 wanted)`;
  if ((stats.mode & 0o700) !== 0o700)
    return `is closed to you (mode ${(stats.mode & 0o777).toString(8)}, 700 wanted)`;
  return undefined;
}
