// References of processes to entries of the weights store, so that nobody evicts weights under a cell that reads them.
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { makeDirectory, writeWhole } from '../../base/files.js';
import { withFileLock } from '../../host/file-lock.js';
import { isAlive, ownIdentity, type ProcessIdentity } from '../../host/process-identity.js';

/** The directory's name is older than the word: processes of other versions look there too. */
const directoryOf = (storageRoot: string): string => join(storageRoot, '.pins');

/** References are added, and entries evicted, one at a time. */
export async function withReferenceLock<T>(storageRoot: string, body: () => T): Promise<T> {
  const directory = directoryOf(storageRoot);
  makeDirectory(directory);
  return withFileLock(join(directory, 'lock'), body);
}

/**
 * Add references to entries, unless `areThere` says under the lock that they are not there any more.
 *
 * @returns what removes the references; undefined when they were not added. A reference of a dead process counts for nothing.
 */
export async function addReferences(
  storageRoot: string,
  recipes: readonly string[],
  areThere: () => boolean,
): Promise<(() => void) | undefined> {
  const name = `${process.pid}-${randomBytes(6).toString('hex')}.json`;
  return withReferenceLock(storageRoot, () => {
    if (!areThere()) return undefined;
    const paths = recipes.map((recipe) => join(directoryOf(storageRoot), recipe, name));
    for (const path of paths) writeWhole(path, JSON.stringify(ownIdentity()));
    return () => {
      for (const path of paths) rmSync(path, { force: true });
    };
  });
}

/** Whether a living process uses the entry; what dead ones left is removed. Called under the lock. */
export function isReferenced(storageRoot: string, recipe: string): boolean {
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
    // Removed in this instant, or torn by a full disk: nobody who writes a reference goes on without it.
    return false;
  }
}
