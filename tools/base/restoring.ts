// How `restore` and the nx run it starts find each other: by a variable that names the file of what was found.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';

/** Set in a run that only restores: no cell runs in it, and no verdict is made. */
export const RESTORING = 'SUITE_RESTORE_ANSWERS';

export interface Looked {
  cell: string;
  /** Why its receipts do not stand; undefined where they do. */
  why?: string;
}

/** A cell that Nx answered from its cache: nobody looked at it. */
export interface Answered {
  answered: string;
}

/** The file, in a run that only restores. */
export function restoring(): string | undefined {
  const path = process.env[RESTORING] ?? '';
  return path === '' ? undefined : path;
}

export function noteLooked(path: string, looked: Looked | Answered): void {
  appendFileSync(path, `${JSON.stringify(looked)}\n`);
}

export function readLooked(path: string): { looked: Looked[]; answered: string[] } {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const lines = text.split('\n').filter((line) => line !== '');
  const all = lines.map((line) => JSON.parse(line) as Looked | Answered);
  return {
    looked: all.filter((one) => 'cell' in one),
    answered: all.flatMap((one) => ('answered' in one ? [one.answered] : [])),
  };
}
