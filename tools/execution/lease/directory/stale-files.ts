// Removes what killed writers left in the lock directory; none of it is needed longer than milliseconds, and heartbeats no longer than their executor.
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { removeBeat } from './heart.js';
import { isId, isOwnerAlive } from './ids.js';
import type { LockDirectory } from './lock-directory.js';
import { isTemporary } from './records.js';

const LITTER_MS = 600_000;

export function sweep(directory: LockDirectory): void {
  const { root, tickets, leases, beats, breaks, gpus, readings, progress } = directory;
  for (const name of readdirSync(beats)) {
    const id = name.replace(/\.json$/, '');
    if (isId(id) && !isOwnerAlive(id)) removeBeat(directory, id);
  }
  for (const folder of [root, tickets, leases, beats, breaks, gpus, readings, progress]) {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      if (isLitter(name) && isOld(path)) rmSync(path, { force: true });
    }
  }
}

/** Temporary files, and own records of a lock's takers. */
function isLitter(name: string): boolean {
  return isTemporary(name) || /\.lock\.[0-9a-f]{24}$/.test(name);
}

function isOld(path: string): boolean {
  const modifiedMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  return modifiedMs !== undefined && Date.now() - modifiedMs > LITTER_MS;
}
