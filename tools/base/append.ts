// Lines appended to a file by many processes: each by a single O_APPEND write, so that none ever lies within another.
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeDirectory } from './files.js';

/** Append one line; directories on the way are made. A torn last line (full disk, power cut) is ended first. */
export function appendLine(path: string, line: string): void {
  makeDirectory(dirname(path));
  const file = openSync(path, 'a+', 0o644);
  try {
    const text = `${endsLine(file) ? '' : '\n'}${line.replaceAll('\n', ' ')}\n`;
    writeSync(file, text);
  } finally {
    closeSync(file);
  }
}

function endsLine(file: number): boolean {
  const { size } = fstatSync(file);
  if (size === 0) return true;
  const last = Buffer.alloc(1);
  readSync(file, last, 0, 1, size - 1);
  return last[0] === 0x0a;
}
