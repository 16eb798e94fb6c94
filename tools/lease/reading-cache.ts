// Shares one answer of a slow command between the executors of a host: a file in the lock directory, with an age limit.
import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

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
  if (text !== undefined) {
    const temporary = `${path}.${randomBytes(6).toString('hex')}`;
    writeFileSync(temporary, text, { mode: 0o600 });
    renameSync(temporary, path);
  }
  return text;
}
