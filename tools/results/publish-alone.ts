// One publication of a directory at a time: two runs that end together would take each other's files for left over.
import { join, resolve } from 'node:path';
import { sha256 } from '../base/canonical.js';
import { withFileLock } from '../lease/file-lock.js';
import { openLockDirectory } from '../lease/lock-directory.js';
import { loadSiteSettings } from '../suite/settings.js';
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
  const { root } = openLockDirectory(loadSiteSettings(workspaceRoot).lockDirectory);
  const lock = join(root, `publish-${sha256(resolve(directory)).slice(0, 16)}.lock`);
  return withFileLock(lock, () => publishView(workspaceRoot, suite, directory), {
    timeoutMs: PATIENCE_MS,
    onWait: (holder) => {
      say(`waiting for ${holder}, which publishes in ${directory}`);
    },
  });
}
