// The links through which readers of output/ reach the weights of the store.
import { randomBytes } from 'node:crypto';
import { existsSync, readlinkSync, renameSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { makeDirectory, readIfThere } from '../../base/files.js';
import { requireGeneratedSuite } from '../../suite/nx/generated.js';
import { loadSiteSettings } from '../../suite/settings/settings.js';
import { recipeOf } from '../records/manifest.js';

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

/**
 * Make the variants' paths point into the weights store, also where Nx restored a manifest and started nothing. Doors call
 * it before a suite is judged.
 *
 * @throws Error when the suite has not been generated.
 */
export function repairLinks(workspaceRoot: string, suite: string): void {
  const { cells } = requireGeneratedSuite(workspaceRoot, suite);
  const { storageRoot } = loadSiteSettings(workspaceRoot);
  for (const { link, writes } of cells.flatMap(({ parts }) => parts)) {
    const manifest = writes.find(({ file }) => file === 'manifest.json');
    const text = manifest === undefined ? undefined : readIfThere(join(workspaceRoot, manifest.path));
    const recipe = text === undefined ? undefined : recipeOf(text);
    if (link === undefined || recipe === undefined || !existsSync(join(storageRoot, recipe))) continue;
    linkWeights(workspaceRoot, link, join(storageRoot, recipe));
  }
}
