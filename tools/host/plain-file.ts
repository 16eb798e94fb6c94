// Small files of the lock directory, where somebody may have left anything: nothing, a huge file, a link, a pipe, a
// directory, another user's file.
import { lstatSync, rmSync } from 'node:fs';
import { readIfThere, writeWhole } from '../base/files.js';
import { messageOf } from '../base/message.js';
import { fail, ok, type Result } from '../base/result.js';

/** Why a small file gives nothing to read. */
export type FileProblem =
  /** There is none. */
  | { reason: 'gone' }
  /** There is something that this suite did not write, or not all of it: what it stood for must be treated as held. */
  | { reason: 'damaged'; message: string };

/** A file that may be read, as it was found; `stamp` is another one after every change. */
export interface Plain {
  stamp: string;
  /** Long enough unchanged that no later change can have this stamp: clocks of file systems tick in milliseconds. */
  settled: boolean;
}

/** Nothing this suite writes there comes near it. */
const MAX_BYTES = 1 << 20;

const SETTLED_MS = 100;

export function readPlain(path: string): Result<string, FileProblem> {
  const found = lookAtPlain(path);
  return found.ok ? readFound(path) : found;
}

/** Whether the file may be read, and its stamp. */
export function lookAtPlain(path: string): Result<Plain, FileProblem> {
  try {
    const stats = lstatSync(path, { throwIfNoEntry: false, bigint: true });
    if (stats === undefined) return fail({ reason: 'gone' });
    if (stats.isSymbolicLink()) return damaged('is a symbolic link');
    if (!stats.isFile()) return damaged('is no file');
    if (stats.size > MAX_BYTES) return damaged(`is too large (${stats.size} bytes)`);
    const uid = process.getuid?.();
    if (uid !== undefined && stats.uid !== BigInt(uid)) return damaged(`belongs to user ${stats.uid}`);
    const { ino, size, mtimeNs, ctimeNs } = stats;
    const stamp = `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
    return ok({ stamp, settled: Date.now() - Number(ctimeNs / 1_000_000n) > SETTLED_MS });
  } catch (error) {
    return unreadable(error);
  }
}

/** The text of a file that was looked at. */
export function readFound(path: string): Result<string, FileProblem> {
  try {
    const text = readIfThere(path);
    return text === undefined ? fail({ reason: 'gone' }) : ok(text);
  } catch (error) {
    return unreadable(error);
  }
}

function unreadable(error: unknown): Failed {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOTDIR' ? fail({ reason: 'gone' }) : damaged(`cannot be read (${messageOf(error)})`);
}

/** Write a file for this user only, in place of whatever lies there. */
export function writePlain(path: string, text: string): void {
  // A rename replaces files and links, never a directory.
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true) rmSync(path, { recursive: true });
  writeWhole(path, text, 0o600);
}

type Failed = Extract<Result<never, FileProblem>, { ok: false }>;

export function damaged(message: string): Failed {
  return fail({ reason: 'damaged', message });
}
