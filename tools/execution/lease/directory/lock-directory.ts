// The lock directory of a host: one place for every workspace and nx run of a user to share GPUs and CPU slots.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { openPrivateDirectory } from '../../../host/private-directory.js';

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
  /** Jobs that executors of this host have in a queue elsewhere (engine: slurm). */
  jobs: string;
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
    jobs: join(root, 'jobs'),
  };
  const { tickets, leases, heartbeats, revocations, gpus, readings, progress, jobs } = directory;
  for (const path of [root, tickets, leases, heartbeats, revocations, gpus, readings, progress, jobs]) {
    openPrivateDirectory(path);
  }
  return directory;
}

/** In the notes of GPUs that cells of one lock directory share: who reads it there knows them all. */
export function sharedNote({ root }: LockDirectory): string {
  const { dev, ino } = statSync(root);
  return `shared in lock directory ${dev}-${ino}`;
}

/** Whether a note is of such cells of this directory. */
export function isSharedIn(directory: LockDirectory): (note: string) => boolean {
  const shared = ` ${sharedNote(directory)} `;
  return (note) => note.includes(shared);
}
