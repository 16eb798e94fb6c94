// A cell and the weights store: references to the weights it uses, and the eviction of those that are used up.
import { messageOf } from '../../base/message.js';
import { isEvictable } from '../../suite/model/keep.js';
import { readGeneratedSuite } from '../../suite/nx/generated.js';
import { suiteOf } from '../../suite/plan/planned.js';
import { missingFile } from '../records/manifest.js';
import type { PendingPart } from '../records/pending-part.js';
import { evictConsumed, weightsOfPlan } from '../store/consumers.js';
import { evictEntry } from '../store/evict-weights.js';
import { addReferences } from '../store/store-references.js';
import type { CellContext } from './context.js';

/** Refer to what the cell reads and what it makes; undefined when the former is gone, else what ends the references. */
export async function referToWeights(
  { reads, settings }: CellContext,
  parts: readonly PendingPart[],
): Promise<(() => void) | undefined> {
  const read = reads.flatMap(({ manifest }) => manifest?.value ?? []);
  return addReferences(settings.storageRoot, [...read.map(({ recipe }) => recipe), ...recipesOf(parts)], () =>
    read.every((manifest) => missingFile(settings.storageRoot, manifest) === undefined),
  );
}

/** While disk is short a batch makes room for its next parts: the earlier ones come back when they are needed. */
export async function evictMade({ settings, log }: CellContext, made: readonly PendingPart[]): Promise<void> {
  for (const recipe of recipesOf(made)) {
    if ((await evictEntry(settings.storageRoot, recipe)) !== 'evicted') continue;
    log(`disk is short: weights ${recipe.slice(0, 12)}… are evicted and made again when they are needed`);
  }
}

/** Evict those it was the last cell to read, where the site says so. */
export async function evictReadWeights(context: CellContext): Promise<void> {
  const { workspaceRoot, project, settings, reads, log } = context;
  const cells = readGeneratedSuite(workspaceRoot, suiteOf(project))?.cells ?? [];
  const candidates = weightsOfPlan(cells).filter(
    ({ manifest, cell }) =>
      isEvictable(settings.storageKeep, cell.kind) && reads.some(({ declared }) => declared === manifest),
  );
  try {
    await evictConsumed({ workspaceRoot, storageRoot: settings.storageRoot }, cells, candidates, log);
  } catch (error) {
    // The cell is finished; what could not be evicted is told and stays.
    log(`weights could not be evicted: ${messageOf(error)}`);
  }
}

/** Entries of the store that parts are made into. */
function recipesOf(parts: readonly PendingPart[]): string[] {
  return parts.flatMap(({ part, fingerprint }) => (part.link === undefined ? [] : fingerprint));
}
