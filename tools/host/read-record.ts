// Reads one JSON record of the lock directory, which may be torn or not ours.
import type { z } from 'zod';
import { damaged, lookAtPlain, readFound } from './plain-file.js';

export type RecordRead<T> =
  | { state: 'read'; value: T }
  | { state: 'gone' }
  /** There, and no such record: what it stood for must be treated as held. */
  | { state: 'damaged'; why: string };

/** What a process that looks every second has parsed already, by schema and path. */
const parsed = new WeakMap<z.ZodType, Map<string, { stamp: string; value: unknown }>>();

export function readRecord<T>(path: string, schema: z.ZodType<T>): RecordRead<T> {
  const known = parsed.get(schema) ?? new Map<string, { stamp: string; value: unknown }>();
  parsed.set(schema, known);
  const found = lookAtPlain(path);
  if (found.state !== 'plain') {
    known.delete(path);
    return found;
  }
  const before = known.get(path);
  if (before?.stamp === found.stamp) return { state: 'read', value: before.value as T };
  known.delete(path);
  const text = readFound(path);
  const read = text.state === 'read' ? parse(text.text, schema) : text;
  // Read after the look: what was written between the two has another stamp, and is read again.
  if (read.state === 'read' && found.settled) known.set(path, { stamp: found.stamp, value: read.value });
  return read;
}

function parse<T>(text: string, schema: z.ZodType<T>): RecordRead<T> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return damaged('is torn or not JSON');
  }
  const checked = schema.safeParse(value);
  return checked.success ? { state: 'read', value: checked.data } : damaged("is not this suite's");
}
