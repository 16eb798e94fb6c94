// Locks on work that takes minutes (installing, publishing), in the host's lock directory: who waits is told for whom.
import { join } from 'node:path';
import { sha256 } from '../base/canonical.js';
import type { Log } from '../base/text/live-lines.js';
import { withFileLock } from './file-lock.js';
import { openPrivateDirectory } from './private-directory.js';

export interface LongLock {
  /** What kind of thing is locked: `python-env`. */
  name: string;
  /** The path that is locked. */
  path: string;
  /** What its holder does: `is installing it`. */
  doing: string;
  timeoutMs: number;
  log: Log;
  /** Called after each look in vain; what it throws ends the wait. */
  whileWaiting?: () => void;
}

/** Nobody who waits for minutes needs to know within milliseconds, and a hundred may wait. */
const LOOK_MS = 500;

/** @throws Error as `withFileLock` does, or when the lock directory cannot be used. */
export function withLongLock<T>(
  lockDirectory: string,
  { name, path, doing, timeoutMs, log, whileWaiting }: LongLock,
  body: () => T | Promise<T>,
): Promise<T> {
  openPrivateDirectory(lockDirectory);
  return withFileLock(join(lockDirectory, `${name}-${sha256(path).slice(0, 16)}.lock`), body, {
    timeoutMs,
    jitterMs: LOOK_MS,
    meanwhile: () => {
      whileWaiting?.();
      return undefined;
    },
    onWait: (holder) => {
      log(`waiting for ${holder}, which ${doing}`, 'now');
    },
  });
}
