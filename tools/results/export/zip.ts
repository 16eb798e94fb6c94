// A zip, written whole or not at all: into a temporary file beside its place, and renamed when all of it is on the disk. The
// same files make the same bytes anywhere: entries have one time, and what compresses them is no part of the machine.
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Zip, ZipDeflate, ZipPassThrough } from 'fflate';
import { makeDirectory } from '../../base/files.js';

/** What the plain format can count; the one for more is not read everywhere. */
const MOST_FILES = 65_535;
const MOST_BYTES = 0xffff_ffff;
/** As text they would only grow. */
const COMPRESSED = /\.(parquet|png|gz|zip)$/;
const SPAN = 2 ** 16;
/** An export that is written touches its file more often. */
const ABANDONED_MS = 600_000;
const TEMPORARY = /\.[0-9a-f]{12}\.tmp$/;

export type AddEntry = (name: string, bytes: Uint8Array) => void;

/**
 * @param fill adds the entries; what it throws leaves no file, and what stood there before.
 * @returns the bytes of the zip.
 * @throws Error when it has more than a zip can hold; what a full disk throws.
 */
export function writeZip(path: string, time: Date, fill: (add: AddEntry) => void): number {
  makeDirectory(dirname(path));
  dropAbandoned(path);
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const file = openSync(temporary, 'wx', 0o644);
  try {
    const written = writeEntries(file, time, fill);
    fsyncSync(file);
    renameSync(temporary, path);
    return written;
  } finally {
    closeSync(file);
    rmSync(temporary, { force: true });
  }
}

function writeEntries(file: number, time: Date, fill: (add: AddEntry) => void): number {
  let written = 0;
  let entries = 0;
  const zip = new Zip((error, chunk) => {
    if (error !== null) throw error;
    for (let at = 0; at < chunk.length;) at += writeSync(file, chunk, at);
    written += chunk.length;
    if (written > MOST_BYTES) throw new Error('a zip holds 4 GiB at most. Send the directory itself.');
  });
  fill((name, bytes) => {
    entries += 1;
    if (entries > MOST_FILES)
      throw new Error(`a zip holds ${MOST_FILES} files at most. Send the directory itself.`);
    const entry = COMPRESSED.test(name) ? new ZipPassThrough(name) : new ZipDeflate(name, { level: 6 });
    entry.mtime = time;
    // Made on Unix, a file that everybody may read.
    entry.os = 3;
    entry.attrs = (0o100644 << 16) >>> 0;
    zip.add(entry);
    // In spans: the whole of a large file at once would be several copies of it in memory.
    let at = 0;
    for (; at + SPAN < bytes.length; at += SPAN) entry.push(bytes.subarray(at, at + SPAN));
    entry.push(bytes.subarray(at), true);
  });
  zip.end();
  return written;
}

/**
 * Noon of the day: a zip's times have no zone, and the library takes this process's; noon exists in every one on every day.
 */
export function noonOf(iso: string | undefined): Date {
  const [, year = '1980', month = '01', day = '01'] = /^(\d{4})-(\d\d)-(\d\d)/.exec(iso ?? '') ?? [];
  return new Date(Math.max(1980, Number(year)), Number(month) - 1, Number(day), 12);
}

/** Of exports that were killed. */
function dropAbandoned(path: string): void {
  for (const name of readdirSync(dirname(path))) {
    if (!TEMPORARY.test(name) || name.replace(TEMPORARY, '') !== basename(path)) continue;
    const left = join(dirname(path), name);
    const modified = statSync(left, { throwIfNoEntry: false })?.mtimeMs ?? Infinity;
    if (Date.now() - modified > ABANDONED_MS) rmSync(left, { force: true });
  }
}
