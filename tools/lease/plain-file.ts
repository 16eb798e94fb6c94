// Small files of the lock directory, where somebody may have left anything: nothing, a huge file, a link, a pipe, a
// directory, another user's file.
import { lstatSync, rmSync } from 'node:fs';
import { readIfThere, writeWhole } from '../base/files.js';
import { messageOf } from '../base/message.js';

export type PlainRead =
  | { state: 'read'; text: string }
  | { state: 'gone' }
  /** There, and nothing this suite wrote. */
  | { state: 'damaged'; why: string };

/** Nothing this suite writes there comes near it. */
const MAX_BYTES = 1 << 20;

export function readPlain(path: string): PlainRead {
  try {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats === undefined) return { state: 'gone' };
    if (stats.isSymbolicLink()) return damaged('is a symbolic link');
    if (!stats.isFile()) return damaged('is no file');
    if (stats.size > MAX_BYTES) return damaged(`is too large (${stats.size} bytes)`);
    const uid = process.getuid?.();
    if (uid !== undefined && stats.uid !== uid) return damaged(`belongs to user ${stats.uid}`);
    const text = readIfThere(path);
    return text === undefined ? { state: 'gone' } : { state: 'read', text };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOTDIR' ? { state: 'gone' } : damaged(`cannot be read (${messageOf(error)})`);
  }
}

/** Write a file for this user only, in place of whatever lies there. */
export function writePlain(path: string, text: string): void {
  // A rename replaces files and links, never a directory.
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true) rmSync(path, { recursive: true });
  writeWhole(path, text, 0o600);
}

export function damaged(why: string): { state: 'damaged'; why: string } {
  return { state: 'damaged', why };
}
