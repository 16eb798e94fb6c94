// Reads one JSON record of the lock directory, which may be torn or not ours.
import type { z } from 'zod';
import { damaged, readPlain } from './plain-file.js';

export type RecordRead<T> =
  | { state: 'read'; value: T }
  | { state: 'gone' }
  /** There, and no such record: what it stood for must be treated as held. */
  | { state: 'damaged'; why: string };

export function readRecord<T>(path: string, schema: z.ZodType<T>): RecordRead<T> {
  const found = readPlain(path);
  return found.state === 'read' ? parse(found.text, schema) : found;
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
