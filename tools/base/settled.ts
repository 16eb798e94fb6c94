// Reads of small files that another nx run may be restoring from its cache at this moment, which is not atomic.
import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { digestFile, readRegular } from './files.js';

const TRIES = 10;
const PAUSE_MS = 100;
/** A file written less than this ago may still be growing. */
const FRESH_MS = 1_000;

/** Parse a file; missing, empty or unparsable, it is read again for a second before the last error is thrown. */
export async function readSettled<T>(path: string, parse: (text: string) => T): Promise<T> {
  return settled(() => {
    const text = readRegular(path).toString();
    if (text === '') throw new Error(`${path} is empty`);
    return parse(text);
  });
}

/** Digest of a file that holds still. */
export async function digestSettled(path: string): Promise<string> {
  return settled(async () => {
    const age = Date.now() - statSync(path).mtimeMs;
    const digest = await digestFile(path);
    if (age < 0 || age > FRESH_MS) return digest;
    await sleep(PAUSE_MS);
    if (digest !== (await digestFile(path))) throw new Error(`${path} is being written`);
    return digest;
  });
}

async function settled<T>(read: () => T | Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await read();
    } catch (error) {
      if (attempt >= TRIES) throw error;
      await sleep(PAUSE_MS);
    }
  }
}
