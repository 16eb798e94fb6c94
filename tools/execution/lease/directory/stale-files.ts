// Removes the stale files of the lock directory: temporary files of killed writers, heartbeats and notes of jobs of dead executors.
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { removeHeartbeat } from './heartbeat.js';
import { isId, isOwnerAlive } from './ids.js';
import type { LockDirectory } from './lock-directory.js';
import { isTemporary } from '../../../base/files.js';

const STALE_MS = 600_000;

export function removeStaleFiles(directory: LockDirectory): void {
  const { root, tickets, leases, heartbeats, revocations, gpus, readings, progress, jobs } = directory;
  for (const name of readdirSync(heartbeats)) {
    const id = name.replace(/\.json$/, '');
    if (isId(id) && !isOwnerAlive(id)) removeHeartbeat(directory, id);
  }
  for (const name of readdirSync(jobs)) {
    const id = name.replace(/\.json$/, '');
    if (isId(id) && !isOwnerAlive(id)) rmSync(join(jobs, name), { force: true });
  }
  for (const folder of [root, tickets, leases, heartbeats, revocations, gpus, readings, progress, jobs]) {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      if (isStaleName(name) && isOld(path)) rmSync(path, { force: true });
    }
  }
}

/** Temporary files, and the records that takers of a lock write beside it: needed for milliseconds only. */
function isStaleName(name: string): boolean {
  return isTemporary(name) || /\.lock\.[0-9a-f]{24}$/.test(name);
}

function isOld(path: string): boolean {
  const modifiedMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  return modifiedMs !== undefined && Date.now() - modifiedMs > STALE_MS;
}
