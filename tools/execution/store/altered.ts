// Weights of a cell that lie in the store with other bytes than they were made with, or as links to elsewhere: a look at
// sizes does not show it.
import { join } from 'node:path';
import { sha256 } from '../../base/canonical.js';
import { readIfThere } from '../../base/files.js';
import type { PendingPart } from '../records/pending-part.js';
import { parseManifest, recipeOf, weightsProblem } from '../records/manifest.js';

export async function isAltered(
  { workspaceRoot, settings }: { workspaceRoot: string; settings: { storageRoot: string } },
  pending: readonly PendingPart[],
): Promise<boolean> {
  for (const { part } of pending) {
    const path = part.writes.find(({ file }) => file === 'manifest.json')?.path;
    const text = path === undefined ? undefined : readIfThere(join(workspaceRoot, path));
    if (part.link === undefined || text === undefined || recipeOf(text) === undefined) continue;
    const problem = await weightsProblem(settings.storageRoot, parseManifest(text), sha256(text));
    if (problem?.how === 'altered' || problem?.how === 'replaced by a link') return true;
  }
  return false;
}
