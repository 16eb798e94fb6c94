// Evicts entries of the weights store that can be made again: renamed first, so that nobody ever finds half of them.
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isReferenced, withReferenceLock } from './store-references.js';

/** Of one entry: evicted, used by a living process, or not there. */
export async function evictEntry(storageRoot: string, recipe: string): Promise<'evicted' | 'used' | 'none'> {
  const trash = join(storageRoot, `.tmp-evicted-${randomBytes(6).toString('hex')}`);
  const outcome = await withReferenceLock(storageRoot, () => {
    if (!existsSync(join(storageRoot, recipe))) return 'none';
    if (isReferenced(storageRoot, recipe)) return 'used';
    renameSync(join(storageRoot, recipe), trash);
    return 'evicted';
  });
  if (outcome === 'evicted') removeTree(trash);
  return outcome;
}

/** What processes that died left of entries they made or evicted. */
export async function removeUnfinished(storageRoot: string, dryRun = false): Promise<string[]> {
  const names = existsSync(storageRoot)
    ? readdirSync(storageRoot).filter((name) => name.startsWith('.tmp-'))
    : [];
  const left: string[] = [];
  for (const name of names) {
    const recipe = /^\.tmp-([0-9a-f]{64})-/.exec(name)?.[1];
    const used =
      recipe !== undefined && (await withReferenceLock(storageRoot, () => isReferenced(storageRoot, recipe)));
    if (used) continue;
    left.push(name);
    if (!dryRun) removeTree(join(storageRoot, name));
  }
  return left;
}

/** A directory and all in it, also what may not be written. */
export function removeTree(directory: string): void {
  makeRemovable(directory);
  rmSync(directory, { recursive: true, force: true });
}

function makeRemovable(directory: string): void {
  try {
    chmodSync(directory, 0o700);
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.isDirectory()) makeRemovable(join(directory, entry.name));
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
