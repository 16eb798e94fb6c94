// The links through which readers of output/ reach the weights of the store.
import { randomBytes } from 'node:crypto';
import { readlinkSync, renameSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { makeDirectory } from '../../base/files.js';

/** Point a variant's path (`<model>/models/<edit>`) at the store entry, replacing an older link in one step. */
export function linkWeights(workspaceRoot: string, link: string, entry: string): void {
  const path = join(workspaceRoot, link);
  makeDirectory(dirname(path));
  const inside = !relative(workspaceRoot, entry).startsWith('..');
  const target = inside ? relative(dirname(path), entry) : entry;
  if (pointsTo(path, target)) return;
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  symlinkSync(target, temporary);
  renameSync(temporary, path);
}

function pointsTo(path: string, target: string): boolean {
  try {
    return readlinkSync(path) === target;
  } catch {
    return false;
  }
}
