// Takes weights out of the store that can be made again: renamed first, so that nobody ever finds half of them.
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isPinned, withPinLock } from './pins.js';

/** Of one entry: dropped, used by a living process, or not there. */
export async function dropEntry(storageRoot: string, recipe: string): Promise<'dropped' | 'used' | 'none'> {
  const trash = join(storageRoot, `.tmp-dropped-${randomBytes(6).toString('hex')}`);
  const outcome = await withPinLock(storageRoot, () => {
    if (!existsSync(join(storageRoot, recipe))) return 'none';
    if (isPinned(storageRoot, recipe)) return 'used';
    renameSync(join(storageRoot, recipe), trash);
    return 'dropped';
  });
  if (outcome === 'dropped') removeTree(trash);
  return outcome;
}

/** What processes that died left of entries they made or dropped. */
export async function dropLeftovers(storageRoot: string, dryRun = false): Promise<string[]> {
  const names = existsSync(storageRoot)
    ? readdirSync(storageRoot).filter((name) => name.startsWith('.tmp-'))
    : [];
  const left: string[] = [];
  for (const name of names) {
    const recipe = /^\.tmp-([0-9a-f]{64})-/.exec(name)?.[1];
    const used =
      recipe !== undefined && (await withPinLock(storageRoot, () => isPinned(storageRoot, recipe)));
    if (used) continue;
    left.push(name);
    if (!dryRun) removeTree(join(storageRoot, name));
  }
  return left;
}

function removeTree(directory: string): void {
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
