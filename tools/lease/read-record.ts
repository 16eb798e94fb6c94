// Reads one small JSON file of the lock directory as somebody may have left it: gone, torn, huge, a link, not ours.
import { lstatSync } from 'node:fs';
import type { z } from 'zod';
import { messageOf } from '../base/message.js';
import { readIfThere } from '../base/files.js';

export type RecordRead<T> =
  | { state: 'read'; value: T }
  | { state: 'gone' }
  /** There, and no such record: what it stood for must be treated as held. */
  | { state: 'damaged'; why: string };

/** No record comes near it. */
const MAX_BYTES = 1 << 20;

export function readRecord<T>(path: string, schema: z.ZodType<T>): RecordRead<T> {
  try {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats === undefined) return { state: 'gone' };
    if (stats.isSymbolicLink()) return damaged('is a symbolic link');
    if (!stats.isFile()) return damaged('is no file');
    if (stats.size > MAX_BYTES) return damaged(`is too large (${stats.size} bytes)`);
    const uid = process.getuid?.();
    if (uid !== undefined && stats.uid !== uid) return damaged(`belongs to user ${stats.uid}`);
    const text = readIfThere(path);
    return text === undefined ? { state: 'gone' } : parse(text, schema);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOTDIR' ? { state: 'gone' } : damaged(`cannot be read (${messageOf(error)})`);
  }
}

function parse<T>(text: string, schema: z.ZodType<T>): RecordRead<T> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return damaged('is torn or not JSON');
  }
  const parsed = schema.safeParse(value);
  return parsed.success ? { state: 'read', value: parsed.data } : damaged("is not this suite's");
}

function damaged(why: string): { state: 'damaged'; why: string } {
  return { state: 'damaged', why };
}
