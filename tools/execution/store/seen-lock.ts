// Whether a lock (flock) that one host holds in the weights store is seen on another: entries are made under such locks.
// The head holds one on a file of its own, and a node tries to take it.
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectory } from '../../base/files.js';
import { messageOf } from '../../base/message.js';
import { fail, ok, type Result } from '../../base/result.js';
import { flock } from '../../host/flock.js';

/** The file that is locked; else why none can be. */
export type HeldLock = Result<string, string>;

export type LockSeen = 'seen' | 'not seen' | { problem: string };

/** @returns also what ends the lock and removes its file. */
export function holdLock(storageRoot: string): { held: HeldLock; release: () => void } {
  const path = join(storageRoot, `.probe-${randomBytes(6).toString('hex')}`);
  let file: number | undefined;
  const release = (): void => {
    if (file === undefined) return;
    closeSync(file);
    file = undefined;
    rmSync(path, { force: true });
  };
  try {
    makeDirectory(storageRoot);
    file = openSync(path, 'wx+');
    const locked = flock(file, 'alone');
    if (locked === 'locked') return { held: ok(path), release };
    release();
    return { held: fail(locked === 'held' ? NEW_AND_HELD : locked.none), release };
  } catch (error) {
    release();
    return { held: fail(messageOf(error)), release };
  }
}

const NEW_AND_HELD = 'the disk says that somebody else holds a lock on a file made just now';

/** On another host, while the lock is held. */
export function lockSeen(held: HeldLock): LockSeen {
  if (!held.ok) return { problem: `the head can hold none: ${held.error}` };
  let file: number | undefined;
  try {
    file = openSync(held.value, 'r+');
    const locked = flock(file, 'alone');
    if (locked === 'held') return 'seen';
    return locked === 'locked' ? 'not seen' : { problem: locked.none };
  } catch (error) {
    return { problem: messageOf(error) };
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
