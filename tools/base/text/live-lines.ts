// Lines that are true for a moment only (what a cell waits for, how far an installation is), from executors to the nx process
// that shows them: Nx records what executors print themselves, and shows it again when it answers from its cache.
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs';

/** Names the file that executors append to, while there is a process that shows it. */
export const LIVE_LINES = 'SUITE_LIVE_LINES';

/** `now`: it is true for the moment only, and Nx is not to record it. */
export type Log = (line: string, when?: 'now') => void;

export interface LiveLine {
  /** The Nx project whose executor tells it. */
  from: string;
  text: string;
  /** The next one takes its place. */
  passing?: true;
}

/** @returns whether a process is there that shows it. */
export function tellLive(line: LiveLine): boolean {
  const path = process.env[LIVE_LINES] ?? '';
  if (path === '') return false;
  try {
    // Not made where it is not: its reader has ended, or is on another host.
    const file = openSync(path, constants.O_WRONLY | constants.O_APPEND);
    try {
      writeSync(file, `${JSON.stringify(line)}\n`);
    } finally {
      closeSync(file);
    }
    return true;
  } catch {
    return false;
  }
}

/** What was told since the last look. */
export class LiveLineReader {
  #at = 0;

  constructor(private readonly path: string) {}

  take(): LiveLine[] {
    const lines = this.#grown().split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as LiveLine);
  }

  /** Whole lines. */
  #grown(): string {
    const file = openSync(this.path, 'r');
    try {
      const bytes = Buffer.alloc(fstatSync(file).size - this.#at);
      const length = readSync(file, bytes, 0, bytes.length, this.#at);
      const whole = length === 0 ? bytes : bytes.subarray(0, bytes.lastIndexOf(0x0a, length - 1) + 1);
      this.#at += whole.length;
      return whole.toString();
    } finally {
      closeSync(file);
    }
  }
}
