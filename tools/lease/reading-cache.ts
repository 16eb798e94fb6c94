// Shares one answer of a slow command between the executors of a host: a file in the lock directory, with an age limit.
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeWhole } from '../base/files.js';

/** The command's answer, at most `maxAgeMs` old. `undefined` (no such command) is not kept. */
export async function readCached(
  directory: string,
  name: string,
  maxAgeMs: number,
  read: () => Promise<string | undefined>,
): Promise<string | undefined> {
  const path = join(directory, name);
  try {
    const age = Date.now() - statSync(path).mtimeMs;
    // A negative age is a clock that jumped back: such a reading is not trusted.
    if (age >= 0 && age < maxAgeMs) return readFileSync(path, 'utf8');
  } catch {
    // none yet
  }
  const text = await read();
  if (text !== undefined) writeWhole(path, text, 0o600);
  return text;
}
