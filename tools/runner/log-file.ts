// The log of an attempt as it is shown and kept: its last lines, no secrets, no gigabytes.
import {
  closeSync,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { redactFile } from '../base/redact.js';

const TAIL_BYTES = 64 << 10;
/** A longer log is cut in its middle when its attempt has ended: a flood must not fill the disk. */
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

/** Takes secrets out of a log while it grows, and what is too much when it has ended. */
export class LogKeeper {
  #seen = 0;
  #bytes = 0;

  constructor(
    private readonly path: string,
    private readonly secrets: readonly string[],
  ) {}

  /** While Python writes. @returns whether it has written anything since the last look. */
  watch(): boolean {
    const before = this.#bytes;
    try {
      this.#bytes = statSync(this.path).size;
      this.#seen = redactFile(this.path, this.secrets, this.#seen);
    } catch {
      // A full or read-only disk: what it does to the cell is told elsewhere.
    }
    return this.#bytes > before;
  }

  /** Python has ended; also of files it left beside the log. */
  finish(byproducts: string): void {
    try {
      if (cutMiddle(this.path)) this.#seen = 0;
    } catch {
      // as above
    }
    this.watch();
    for (const path of filesIn(byproducts)) new LogKeeper(path, this.secrets).watch();
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

/** Beginning and end stay, with a line between them that says what is gone. */
function cutMiddle(path: string): boolean {
  const { size } = statSync(path);
  if (size <= MOST_BYTES) return false;
  const kept = `${path}.tmp`;
  const from = openSync(path, 'r');
  try {
    const piece = (at: number, length: number): Buffer => {
      const buffer = Buffer.alloc(length);
      return buffer.subarray(0, readSync(from, buffer, 0, length, at));
    };
    const left = size - HEAD_BYTES - TAIL_KEPT_BYTES;
    const note = Buffer.from(`\n[… ${left} bytes were left out here …]\n`);
    const pieces = [piece(0, HEAD_BYTES), note, piece(size - TAIL_KEPT_BYTES, TAIL_KEPT_BYTES)];
    writeFileSync(kept, Buffer.concat(pieces));
    renameSync(kept, path);
    return true;
  } finally {
    closeSync(from);
    rmSync(kept, { force: true });
  }
}
