// References of processes to entries of the weights store, so that nobody evicts weights under a cell that reads them.
import { closeSync, futimesSync, openSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { makeDirectory, writeWhole } from '../../base/files.js';
import { withFileLock } from '../../host/file-lock.js';
import { isAlive, ownIdentity, strangeness, type ProcessIdentity } from '../../host/process-identity.js';

/** The directory's name is older than the word: processes of other versions look there too. */
const directoryOf = (storageRoot: string): string => join(storageRoot, '.pins');

const SIGN_MS = 60_000;
/** A holder out of sight that was silent for so long is taken for dead; one that is stopped may be silent for a while. */
const SILENT_MS = 24 * 3_600_000;

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
    // Processes of other containers and hosts cannot see this one: they see how young its references are.
    const sign = setInterval(() => {
      for (const path of paths) touch(path);
    }, SIGN_MS).unref();
    return () => {
      clearInterval(sign);
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
  const nowMs = Date.now();
  const alive = names.filter((name) => holderLives(join(directory, name), nowMs));
  if (alive.length === 0) rmSync(directory, { recursive: true, force: true });
  return alive.length > 0;
}

/** One that cannot be seen from here (another container or host) lives as long as it gives signs of life. */
function holderLives(path: string, nowMs: number): boolean {
  try {
    const holder = JSON.parse(readFileSync(path, 'utf8')) as ProcessIdentity;
    const { mtimeMs } = statSync(path);
    return strangeness(holder, mtimeMs) === undefined ? isAlive(holder) : nowMs - mtimeMs < SILENT_MS;
  } catch {
    // Removed in this instant, or torn by a full disk: nobody who writes a reference goes on without it.
    return false;
  }
}

function touch(path: string): void {
  try {
    const fd = openSync(path, 'r+');
    try {
      futimesSync(fd, new Date(), new Date());
    } finally {
      closeSync(fd);
    }
  } catch {
    // Removed in this instant, or a store that is not there just now: the next sign is a minute away.
  }
}
