// Files at the edge: digests, whole writes, reads of what may not be there.
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  createReadStream,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { z } from 'zod';
import { sha256 } from './canonical.js';
import { parseJson } from './json-value.js';

const SMALL_BYTES = 2 ** 20;

export async function digestFile(path: string): Promise<string> {
  // A stream takes three times as long for a small file, and a verdict reads some two thousand.
  const stats = await stat(path);
  if (!stats.isFile()) throw new NoPlainFile('is no regular file');
  if (stats.size <= SMALL_BYTES) return sha256(await readFile(path));
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/**
 * Digest of a directory: the sorted relative paths and digests of its files. Symbolic links are not followed; what
 * programs leave behind (compiled Python, hidden files) does not count.
 */
export async function digestDirectory(root: string): Promise<string> {
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !relative(root, file).split('/').some(isByProduct))
    .sort();
  const lines: string[] = [];
  for (const file of files) lines.push(`${relative(root, file)}\t${await digestFile(file)}`);
  return sha256(lines.join('\n'));
}

/** What a model is made from, by the ends of names: weights, configuration, tokenizer, code. */
const OF_A_MODEL = /\.(safetensors|bin|json|model|txt|jinja|tiktoken|py)$/;
const READ_BY_PEOPLE = /^(readme|licen[cs]e|notice)\b/i;

/**
 * Digest of the names, sizes and modification times of the files that a model directory is read for, links followed.
 * What lies beside them is not the model: `.git`, a cache of the hub, README, other formats in directories below.
 */
export function digestListing(root: string): string {
  const lines = readdirSync(root)
    .filter((name) => OF_A_MODEL.test(name) && !name.startsWith('.') && !READ_BY_PEOPLE.test(name))
    .sort()
    .flatMap((name) => {
      const stats = statSync(join(root, name), { throwIfNoEntry: false });
      return stats?.isFile() === true ? `${name}\t${stats.size}\t${stats.mtimeMs}` : [];
    });
  return sha256(lines.join('\n'));
}

/** Whether a relative path stays below where it starts: what a file names may come from whoever wrote the file. */
export function staysInside(path: string): boolean {
  return path !== '' && !path.startsWith('/') && !path.includes('\0') && !path.split(/[/\\]/).includes('..');
}

/** What programs leave beside what people write. */
export function isByProduct(name: string): boolean {
  return name.startsWith('.') || name === '__pycache__' || name.endsWith('.pyc');
}

/** The file's text; undefined when there is no such file. @throws Error for what is there and cannot be read. */
export function readIfThere(path: string): string | undefined {
  try {
    return readRegular(path).toString();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** A sentence about what lies where a file should, said of its path. */
export class NoPlainFile extends Error {}

/**
 * The bytes of a regular file. A pipe would keep its reader waiting, and a device gives without end: opened without
 * waiting and looked at before a byte is read, nothing can change in between.
 *
 * @throws NoPlainFile; and what `open` throws.
 */
export function readRegular(path: string, most = Infinity): Buffer {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(file);
    if (stats.isDirectory()) throw new NoPlainFile('is a directory, no file');
    if (!stats.isFile()) throw new NoPlainFile('is no regular file (a pipe, a socket or a device)');
    if (stats.size > most)
      throw new NoPlainFile(`is too large: ${stats.size} bytes, at most ${most} are read`);
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}

/** Undefined for a file that is missing, cannot be read, or holds no JSON of the schema. */
export function readJson<T>(schema: z.ZodType<T>, path: string): T | undefined {
  try {
    return parseJson(schema, readRegular(path).toString());
  } catch {
    return undefined;
  }
}

/**
 * Make a directory and those on the way to it. One by one: Node's own way turns in circles, for ever, where a directory
 * that is there says ENOENT to a new one in it (/proc, automounted homes), and calls a read-only file system so.
 *
 * @param mode of the last; those on the way are as the umask has them.
 */
export function makeDirectory(path: string, mode = 0o777): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return;
  if (dirname(path) !== path) makeDirectory(dirname(path));
  try {
    mkdirSync(path, mode);
  } catch (error) {
    // Somebody else made it in this instant.
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) throw error;
  }
}

/**
 * Write a file by temporary file and rename; directories on the way are made. What a writer of the same file left behind
 * when it was killed between the two goes too; one that was only slow and so loses its temporary file writes it again.
 */
export function writeWhole(path: string, text: string, mode = 0o644): void {
  makeDirectory(dirname(path));
  for (let tries = 1; !replace(path, text, mode, tries === MOST_TRIES); tries += 1);
  for (const left of temporariesOf(path)) {
    const modified = statSync(left, { throwIfNoEntry: false })?.mtimeMs ?? Infinity;
    if (Date.now() - modified > SLOW_WRITE_MS) rmSync(left, { force: true });
  }
}

/** Between the two steps lie milliseconds. */
const SLOW_WRITE_MS = 1000;
const MOST_TRIES = 3;

/** False: somebody took the temporary file away. */
function replace(path: string, text: string, mode: number, last: boolean): boolean {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    writeFileSync(temporary, text, { mode });
    renameSync(temporary, path);
    return true;
  } catch (error) {
    rmSync(temporary, { force: true });
    const isTaken = (error as NodeJS.ErrnoException).code === 'ENOENT' && existsSync(dirname(path)) && !last;
    if (isTaken) return false;
    throw error;
  }
}

function temporariesOf(path: string): string[] {
  const name = basename(path);
  return readdirSync(dirname(path))
    .filter((other) => isTemporary(other) && other.replace(TEMPORARY, '') === name)
    .map((other) => join(dirname(path), other));
}

const TEMPORARY = /\.[0-9a-f]{12}\.tmp$/;

/** What writeWhole leaves behind when it is killed between its two steps. */
export function isTemporary(name: string): boolean {
  return TEMPORARY.test(name);
}
