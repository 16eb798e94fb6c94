// One publication of a directory at a time: two runs that end together would take each other's files for left over.
import { resolve } from 'node:path';
import { withLongLock } from '../../host/long-lock.js';
import { loadSiteSettings } from '../../suite/settings/settings.js';
import { publishView, type Published } from './published-view.js';

/** Copying a suite's results to a slow disk takes minutes, never this long. */
const PATIENCE_MS = 3_600_000;

/** @throws Error as `publishView` does, or when the lock is not had. */
export async function publishAlone(
  workspaceRoot: string,
  suite: string,
  directory: string,
  say: (line: string) => void,
): Promise<Published> {
  const lock = { name: 'publish', path: resolve(directory), doing: `publishes in ${directory}`, log: say };
  return withLongLock(
    loadSiteSettings(workspaceRoot).lockDirectory,
    { ...lock, timeoutMs: PATIENCE_MS },
    () => publishView(workspaceRoot, suite, directory),
  );
}
