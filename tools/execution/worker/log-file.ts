// The log of an attempt as it is shown and kept: its last lines, no secrets, no gigabytes.
import {
  closeSync,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { OVERLAP, redactBytes, redactFile } from '../../base/text/redact.js';
import { LONGEST_KEY, openArmour } from '../../base/text/secret-forms.js';

const TAIL_BYTES = 64 << 10;
/** A log that grows longer is cut in its middle: a flood must not fill the disk. */
const MOST_BYTES = 64 << 20;
const HEAD_BYTES = 1 << 20;
const TAIL_KEPT_BYTES = 15 << 20;

/** The end of a log, as text; empty when there is none. */
export function logEnd(path: string, bytes = TAIL_BYTES): string {
  try {
    const file = openSync(path, 'r');
    try {
      const { size } = fstatSync(file);
      const buffer = Buffer.alloc(Math.min(bytes, size));
      readSync(file, buffer, 0, buffer.length, size - buffer.length);
      return buffer.toString('utf8');
    } finally {
      closeSync(file);
    }
  } catch {
    return '';
  }
}

/** The last lines that say something: no progress bars, no blank lines, none of endless length. */
export function lastLines(text: string, count = 15): string[] {
  return text
    .split(/\r?\n|\r/)
    .map((line) => line.trimEnd())
    .filter((line) => line.trim() !== '' && !/\d+%\|/.test(line))
    .slice(-count)
    .map((line) => (line.length > 400 ? `${line.slice(0, 400)} …` : line));
}

/** A line that does not end is written in pieces of so many bytes. */
const LONGEST_LINE_BYTES = 1 << 16;
const LINE_ENDS = [0x0a, 0x0d];

/** Writes what Python prints as it comes, by whole lines: no secret of it ever reaches the disk, and no gigabytes do. */
export class LogWriter {
  #file: number;
  #size: number;
  #pending: Buffer = Buffer.alloc(0);
  /** Lines that are written, as they came: the beginning of a key whose other lines are yet to come. */
  #key: Buffer = Buffer.alloc(0);
  /** Bytes that the middle of the log had, and those no disk took. */
  #leftOut = 0;
  #lost = 0;

  constructor(
    private readonly path: string,
    private readonly secrets: readonly string[],
  ) {
    this.#file = openSync(path, 'a');
    this.#size = fstatSync(this.#file).size;
  }

  push(chunk: Uint8Array): void {
    const pending = this.#pending.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#pending, chunk]);
    const clean = this.#clean(pending);
    const cut = wholeLines(pending, clean);
    this.#pending = pending.subarray(cut);
    this.#write(clean.subarray(0, cut));
    const written = Buffer.concat([this.#key, pending.subarray(0, cut)]);
    const begin = openArmour(written.toString('latin1'));
    const ended = begin < 0 || written.length - begin > LONGEST_KEY;
    this.#key = ended ? Buffer.alloc(0) : written.subarray(begin);
  }

  /** Nothing more comes. */
  end(): void {
    this.#write(this.#clean(this.#pending));
    closeSync(this.#file);
  }

  #clean(bytes: Buffer): Buffer {
    const before = this.#key.length;
    if (before === 0) return redactBytes(bytes, this.secrets);
    return redactBytes(Buffer.concat([this.#key, bytes]), this.secrets).subarray(before);
  }

  #write(bytes: Buffer): void {
    if (bytes.length === 0) return;
    try {
      if (this.#lost > 0)
        this.#size += writeSync(this.#file, `[… ${this.#lost} bytes could not be written …]\n`);
      this.#lost = 0;
      for (let at = 0; at < bytes.length;) at += writeSync(this.#file, bytes, at);
      this.#size += bytes.length;
      if (this.#size > MOST_BYTES) this.#cutMiddle();
    } catch {
      // A full or read-only disk: what it does to the cell is told elsewhere, and its Python may well be finished.
      this.#lost += bytes.length;
    }
  }

  /** Beginning and end stay, with a line between them that says what is gone. */
  #cutMiddle(): void {
    const kept = `${this.path}.tmp`;
    const from = openSync(this.path, 'r');
    try {
      const piece = (at: number, length: number): Buffer => {
        const buffer = Buffer.alloc(length);
        return buffer.subarray(0, readSync(from, buffer, 0, length, at));
      };
      const { size } = fstatSync(from);
      this.#leftOut += size - HEAD_BYTES - TAIL_KEPT_BYTES;
      const note = Buffer.from(`\n[… ${this.#leftOut} bytes were left out here …]\n`);
      // The next cut takes the note away with the rest of the middle.
      this.#leftOut -= note.length;
      writeFileSync(
        kept,
        Buffer.concat([piece(0, HEAD_BYTES), note, piece(size - TAIL_KEPT_BYTES, TAIL_KEPT_BYTES)]),
      );
      const file = openSync(kept, 'a');
      renameSync(kept, this.path);
      closeSync(this.#file);
      this.#file = file;
      this.#size = fstatSync(file).size;
    } finally {
      closeSync(from);
      rmSync(kept, { force: true });
    }
  }
}

/** How much may be written: up to the last line's end, or of an endless line all but what may be half a secret. */
function wholeLines(text: Buffer, clean: Buffer): number {
  const lines = Math.max(...LINE_ENDS.map((end) => text.lastIndexOf(end))) + 1;
  if (lines > 0 || text.length < LONGEST_LINE_BYTES) return lines;
  let cut = text.length - OVERLAP;
  while (cut > 0 && clean[cut - 1] !== text[cut - 1]) cut -= 1;
  return cut;
}

/** Secrets go from files that Python left beside its log. */
export function redactByproducts(directory: string, secrets: readonly string[]): void {
  for (const path of filesIn(directory)) {
    try {
      redactFile(path, secrets);
    } catch {
      // Read-only, or gone meanwhile.
    }
  }
}

function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  } catch {
    return [];
  }
}
