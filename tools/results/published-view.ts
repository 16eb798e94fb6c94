// OUTPUT_DIR: the seed's whole tree, published where a person wants it. Nx caches only inside the workspace, so cells
// write output/<suite>; this is a view of it, made and repaired after every run.
import {
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  type Stats,
} from 'node:fs';
import { randomBytes } from 'node:crypto';
import { dirname, join, relative } from 'node:path';
import { makeDirectory, readIfThere, writeWhole } from '../base/files.js';

/** Lists what was published, so that what is gone from the suite goes from the view, and nothing else ever does. */
const LIST = '.published.json';

export interface Published {
  directory: string;
  made: number;
  removed: number;
}

/**
 * Files become hard links, copies where the view lies on another device; weights become links into the store.
 *
 * @throws Error when the view lies inside the tree it shows, or a file that was not published here is in the way.
 */
export function publishView(workspaceRoot: string, suite: string, directory: string): Published {
  const source = join(workspaceRoot, 'output', suite);
  if (!relative(source, directory).startsWith('..')) {
    throw new Error(
      `OUTPUT_DIR ${directory} lies inside ${source}, which it is to show. Name another directory.`,
    );
  }
  const before = new Set(readList(directory));
  const paths = existsSync(source) ? walk(source, '') : [];
  let made = 0;
  for (const path of paths) {
    if (publish(join(source, path), join(directory, path), before.has(path))) made += 1;
  }
  const now = new Set(paths);
  const gone = [...before].filter((path) => !now.has(path));
  for (const path of gone) rmSync(join(directory, path), { force: true });
  if (made > 0 || gone.length > 0 || paths.length !== before.size) {
    writeWhole(join(directory, LIST), `${JSON.stringify(paths, null, 2)}\n`);
  }
  return { directory, made, removed: gone.length };
}

/** Files and links below, relative; temporary files of writers at work are none. */
function walk(root: string, below: string): string[] {
  return readdirSync(join(root, below), { withFileTypes: true })
    .filter(({ name }) => !name.endsWith('.tmp'))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(below, entry.name);
      return entry.isDirectory() ? walk(root, path) : [path];
    });
}

/** Whether anything had to be made. */
function publish(from: string, to: string, ours: boolean): boolean {
  const link = lstatSync(from, { throwIfNoEntry: false });
  // Replaced or deleted this instant by another run: the next publication shows it.
  if (link === undefined) return false;
  const there = lstatSync(to, { throwIfNoEntry: false });
  if (there !== undefined && isSame(from, link, to, there)) return false;
  if (there !== undefined && !ours) {
    throw new Error(
      `${to} is in the way: it was not published from here. Move it, or name another OUTPUT_DIR.`,
    );
  }
  makeDirectory(dirname(to));
  const temporary = `${to}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    if (link.isSymbolicLink()) symlinkSync(realpathSync(from), temporary);
    else linkOrCopy(from, temporary, link);
    renameSync(temporary, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && !existsSync(from)) return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
  return true;
}

function isSame(from: string, source: Stats, to: string, target: Stats): boolean {
  if (source.isSymbolicLink()) {
    return target.isSymbolicLink() && existsSync(from) && readlinkSync(to) === realpathSync(from);
  }
  if (source.ino === target.ino && source.dev === target.dev) return true;
  return source.dev !== target.dev && source.size === target.size && source.mtimeMs === target.mtimeMs;
}

function linkOrCopy(from: string, to: string, { atime, mtime }: Stats): void {
  try {
    linkSync(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Another device, or a file system without hard links.
    if (code !== 'EXDEV' && code !== 'EPERM' && code !== 'ENOTSUP') throw error;
    copyFileSync(from, to);
    utimesSync(to, atime, mtime);
  }
}

function readList(directory: string): string[] {
  if (existsSync(directory) && !statSync(directory).isDirectory()) {
    throw new Error(`OUTPUT_DIR ${directory} is no directory.`);
  }
  try {
    const list: unknown = JSON.parse(readIfThere(join(directory, LIST)) ?? '[]');
    return Array.isArray(list) ? list.filter((path): path is string => typeof path === 'string') : [];
  } catch {
    return [];
  }
}
