// OUTPUT_DIR: the tree of the original script, published where a person wants it. Nx caches only inside the workspace, so cells
// write output/<suite>; this is a view of it, made and repaired after every run.
import {
  closeSync,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  type Stats,
} from 'node:fs';
import { randomBytes } from 'node:crypto';
import { dirname, join, relative } from 'node:path';
import { z } from 'zod';
import { makeDirectory, readIfThere, writeWhole } from '../../base/files.js';

/** Lists what was published, so that what is gone from the suite goes from the view, and nothing else ever does. */
const LIST = '.published.json';
const CHUNK_BYTES = 1 << 20;
const TEMPORARY = '.publishing';
const LEFT_OVER = /\.[0-9a-f]{12}\.publishing$/;
const LEFT_OVER_LIST = /^\.published\.json\.[0-9a-f]{12}\.tmp$/;

export interface Published {
  directory: string;
  made: number;
  removed: number;
}

/**
 * Files become hard links, copies where the view lies on another device; weights become links into the store. One
 * publication of a directory at a time; one that is killed leaves whole files, and the next goes on.
 *
 * @throws Error when the view lies inside the tree it shows, or a file that was not published here is in the way:
 * nothing is changed then.
 */
export function publishView(workspaceRoot: string, suite: string, directory: string): Published {
  const source = join(workspaceRoot, 'output', suite);
  if (!relative(source, directory).startsWith('..')) {
    throw new Error(
      `OUTPUT_DIR ${directory} lies inside ${source}, which it is to show. Name another directory.`,
    );
  }
  const list = readList(directory);
  if (list.suite !== undefined && list.suite !== suite) {
    throw new Error(`OUTPUT_DIR ${directory} shows suite ${list.suite}. Name another directory.`);
  }
  const before = new Set(list.paths);
  const paths = existsSync(source) ? walk(source, '') : [];
  const wanted = paths.filter((path) =>
    isWanted(join(source, path), join(directory, path), before.has(path)),
  );
  const now = new Set(paths);
  const gone = [...before].filter((path) => !now.has(path));
  // Before anything is made, so that what a killed publication leaves is known as its own.
  if (wanted.length > 0) writeList(directory, suite, [...new Set([...before, ...paths])].sort());
  for (const path of gone) remove(directory, path);
  const made = wanted.filter((path) => make(join(source, path), join(directory, path))).length;
  if (wanted.length > 0 || gone.length > 0 || paths.length !== before.size)
    writeList(directory, suite, paths);
  dropLeftOvers(directory);
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

/** Whether it is to be made. @throws Error for what is in the way. */
function isWanted(from: string, to: string, ours: boolean): boolean {
  const link = lstatSync(from, { throwIfNoEntry: false });
  // Replaced or deleted this instant by another run: the next publication shows it.
  if (link === undefined) return false;
  const there = lstatSync(to, { throwIfNoEntry: false });
  if (there === undefined) return true;
  if (isSame(from, link, to, there)) return false;
  if (ours) return true;
  throw new Error(
    `${to} is in the way: it was not published from here. Move it, or name another OUTPUT_DIR.`,
  );
}

/** Whether it was made: by another name first, so that nobody ever sees half of it. */
function make(from: string, to: string): boolean {
  const temporary = `${to}.${randomBytes(6).toString('hex')}${TEMPORARY}`;
  try {
    const link = lstatSync(from);
    makeDirectory(dirname(to));
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

/** With the directories that it leaves empty. */
function remove(directory: string, path: string): void {
  rmSync(join(directory, path), { force: true });
  try {
    for (let parent = dirname(path); parent !== '.'; parent = dirname(parent)) {
      rmdirSync(join(directory, parent));
    }
  } catch {
    // Not empty, or gone.
  }
}

/** Temporary files of a publication that was killed. */
function dropLeftOvers(directory: string): void {
  if (!existsSync(directory)) return;
  const files = walk(directory, '').filter((path) => LEFT_OVER.test(path));
  const lists = readdirSync(directory).filter((name) => LEFT_OVER_LIST.test(name));
  for (const path of [...files, ...lists]) rmSync(join(directory, path), { force: true });
}

function isSame(from: string, source: Stats, to: string, target: Stats): boolean {
  if (source.isSymbolicLink()) {
    return target.isSymbolicLink() && existsSync(from) && readlinkSync(to) === realpathSync(from);
  }
  if (source.ino === target.ino && source.dev === target.dev) return true;
  // A copy has the time of what it is a copy of.
  if (source.dev === target.dev || !target.isFile() || source.size !== target.size) return false;
  if (Math.round(source.mtimeMs) === Math.round(target.mtimeMs)) return true;
  // Nx restores files with new times: seldom are they other files.
  if (!haveSameBytes(from, to)) return false;
  setTime(to, source);
  return true;
}

function haveSameBytes(one: string, other: string): boolean {
  const files = [openSync(one, 'r')];
  try {
    files.push(openSync(other, 'r'));
    const [left, right] = [Buffer.alloc(CHUNK_BYTES), Buffer.alloc(CHUNK_BYTES)];
    for (;;) {
      const [a = 0, b = 0] = files.map((file, index) => readSync(file, index === 0 ? left : right));
      if (a !== b || !left.subarray(0, a).equals(right.subarray(0, b))) return false;
      if (a === 0) return true;
    }
  } finally {
    for (const file of files) closeSync(file);
  }
}

function linkOrCopy(from: string, to: string, source: Stats): void {
  try {
    linkSync(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Another device, or a file system without hard links.
    if (code !== 'EXDEV' && code !== 'EPERM' && code !== 'ENOTSUP') throw error;
    copyFileSync(from, to);
    setTime(to, source);
  }
}

/** File systems keep more or less of a time: whole milliseconds they all do. */
function setTime(path: string, { mtimeMs }: Stats): void {
  const time = new Date(Math.round(mtimeMs));
  utimesSync(path, time, time);
}

interface List {
  /** Undefined where there is none yet. */
  suite?: string | undefined;
  paths: string[];
}

function writeList(directory: string, suite: string, paths: readonly string[]): void {
  writeWhole(join(directory, LIST), `${JSON.stringify({ suite, paths }, null, 2)}\n`);
}

function readList(directory: string): List {
  if (existsSync(directory) && !statSync(directory).isDirectory()) {
    throw new Error(`OUTPUT_DIR ${directory} is no directory.`);
  }
  try {
    return listSchema.parse(JSON.parse(readIfThere(join(directory, LIST)) ?? ''));
  } catch {
    return { paths: [] };
  }
}

const listSchema = z.object({ suite: z.string(), paths: z.array(z.string()) });
