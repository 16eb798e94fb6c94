// Reads one JSON record of the lock directory, which may be torn or not ours.
import type { z } from 'zod';
import { ok, type Result } from '../base/result.js';
import { damaged, lookAtPlain, readFound, type FileProblem } from './plain-file.js';

export type RecordRead<T> = Result<T, FileProblem>;

/** What a process that looks every second has parsed already, by schema and path. */
const parsed = new WeakMap<z.ZodType, Map<string, { stamp: string; value: unknown }>>();

export function readRecord<T>(path: string, schema: z.ZodType<T>): RecordRead<T> {
  const known = parsed.get(schema) ?? new Map<string, { stamp: string; value: unknown }>();
  parsed.set(schema, known);
  const found = lookAtPlain(path);
  if (!found.ok) {
    known.delete(path);
    return found;
  }
  const before = known.get(path);
  const { stamp, settled } = found.value;
  if (before?.stamp === stamp) return ok(before.value as T);
  known.delete(path);
  const text = readFound(path);
  const read = text.ok ? parse(text.value, schema) : text;
  // Read after the look: what was written between the two has another stamp, and is read again.
  if (read.ok && settled) known.set(path, { stamp, value: read.value });
  return read;
}

/** Whether there is nothing: neither the record nor anything else in its place. */
export function isGone(read: RecordRead<unknown>): boolean {
  return !read.ok && read.error.reason === 'gone';
}

function parse<T>(text: string, schema: z.ZodType<T>): RecordRead<T> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return damaged('is torn or not JSON');
  }
  const checked = schema.safeParse(value);
  return checked.success ? ok(checked.data) : damaged("is not this suite's");
}
