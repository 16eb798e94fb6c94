// Where a zip goes: what `--out` says, and what may not be there.
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { isAbsolute, join, relative, resolve } from 'node:path';

export interface Place {
  workspaceRoot: string;
  suite: string;
  /** Relative to the workspace, or absolute; a directory takes `<suite>.zip`. */
  out?: string | undefined;
}

/** @throws Error for a place inside the tree that is sent, and for a file that is no zip. */
export function destination({ workspaceRoot, suite, out }: Place): string {
  if (out?.trim() === '') throw new Error('--out is empty: name a file or a directory, or leave it out');
  const asked = resolve(workspaceRoot, out ?? `output/${suite}.zip`);
  const isDirectory = statSync(asked, { throwIfNoEntry: false })?.isDirectory() ?? false;
  const path = isDirectory || out?.endsWith('/') === true ? join(asked, `${suite}.zip`) : asked;
  const tree = join(workspaceRoot, 'output', suite);
  const below = relative(tree, path);
  if (below === '' || (!below.startsWith('..') && !isAbsolute(below)))
    throw new Error(`--out ${path} lies inside ${tree}, which is sent. Name another place.`);
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats !== undefined && !(stats.isFile() && (stats.size === 0 || isZip(path))))
    throw new Error(`${path} is there and is no zip. Move it, or name another --out.`);
  return path;
}

function isZip(path: string): boolean {
  const head = Buffer.alloc(2);
  const file = openSync(path, 'r');
  try {
    readSync(file, head);
  } finally {
    closeSync(file);
  }
  return head.toString('latin1') === 'PK';
}

export function shown(workspaceRoot: string, path: string): string {
  const below = relative(workspaceRoot, path);
  return below.startsWith('..') ? path : below;
}
