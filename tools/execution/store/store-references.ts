// Who uses which entry of the weights store: a pin a process, so that nobody drops weights under a cell that reads them.
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { makeDirectory, writeWhole } from '../../base/files.js';
import { withFileLock } from '../../host/file-lock.js';
import { isAlive, ownIdentity, type ProcessIdentity } from '../../host/process-identity.js';

const directoryOf = (storageRoot: string): string => join(storageRoot, '.pins');

/** Pins are set, and entries dropped, one at a time. */
export async function withPinLock<T>(storageRoot: string, body: () => T): Promise<T> {
  const directory = directoryOf(storageRoot);
  makeDirectory(directory);
  return withFileLock(join(directory, 'lock'), body);
}

/**
 * Pin entries, unless `mayPin` says under the lock that they are not there any more.
 *
 * @returns what removes the pins; undefined when they were not set. A pin of a dead process is none.
 */
export async function pin(
  storageRoot: string,
  recipes: readonly string[],
  mayPin: () => boolean,
): Promise<(() => void) | undefined> {
  const name = `${process.pid}-${randomBytes(6).toString('hex')}.json`;
  return withPinLock(storageRoot, () => {
    if (!mayPin()) return undefined;
    const paths = recipes.map((recipe) => join(directoryOf(storageRoot), recipe, name));
    for (const path of paths) writeWhole(path, JSON.stringify(ownIdentity()));
    return () => {
      for (const path of paths) rmSync(path, { force: true });
    };
  });
}

/** Whether a living process uses the entry; what dead ones left is removed. Called under the lock. */
export function isPinned(storageRoot: string, recipe: string): boolean {
  const directory = join(directoryOf(storageRoot), recipe);
  let names: string[];
  try {
    names = readdirSync(directory).filter((name) => name.endsWith('.json'));
  } catch {
    return false;
  }
  const alive = names.filter((name) => holderLives(join(directory, name)));
  if (alive.length === 0) rmSync(directory, { recursive: true, force: true });
  return alive.length > 0;
}

function holderLives(path: string): boolean {
  try {
    return isAlive(JSON.parse(readFileSync(path, 'utf8')) as ProcessIdentity);
  } catch {
    // Removed in this instant, or torn by a full disk: nobody who writes a pin goes on without it.
    return false;
  }
}
