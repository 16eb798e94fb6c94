// A cell and the weights store: references to the weights it uses, their copies on the node's own disk, and the eviction of
// those that are used up.
import { Fault } from '../../base/fault.js';
import { messageOf } from '../../base/message.js';
import { monotonicMs } from '../../base/clock.js';
import { fail, type Result } from '../../base/result.js';
import { sizeText } from '../../base/units.js';
import { isEvictable } from '../../suite/model/keep.js';
import { readGeneratedSuite } from '../../suite/nx/generated.js';
import { suiteOf } from '../../suite/plan/planned.js';
import { missingFile } from '../records/manifest.js';
import type { HeldLease } from '../lease/hold.js';
import type { PendingPart } from '../records/pending-part.js';
import type { ResolvedRead } from '../records/reads.js';
import { AlteredFile } from '../store/copy-verified.js';
import { evictConsumed, weightsOfPlan } from '../store/consumers.js';
import { evictEntry } from '../store/evict-weights.js';
import { stageWeights, type Stage, type Staged } from '../store/stage-weights.js';
import { stagingArea } from '../store/staged-copies.js';
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

/** The inputs of a cell as it reads them, and what ends its references to copies. */
interface StagedReads {
  reads: readonly ResolvedRead[];
  release: () => void;
}

/**
 * Models that the cell loads are read from the node's own disk, where the site has one for it. What has no copy is read
 * from the store, as the cell says. Cells that make weights read the store: what they leave as it is they link.
 *
 * @throws Fault when the store has other bytes than a manifest says.
 */
export async function stageReads(
  context: CellContext,
  parts: readonly PendingPart[],
  lease: HeldLease,
): Promise<StagedReads> {
  const { settings, reads, signal, log } = context;
  const area = parts.some(({ part }) => part.link !== undefined) ? undefined : stagingArea(settings);
  // A suite's data are small.
  const models = reads.filter(({ name, manifest }) => manifest !== undefined && !name.startsWith('data-'));
  if (area === undefined || models.length === 0) return { reads, release: () => undefined };
  const stage = {
    ...{ area, storageRoot: settings.storageRoot, log, onProgress: lease.signOfLife },
    signal: AbortSignal.any([signal, lease.revoked]),
  };
  const began = monotonicMs();
  const staged = new Map<string, Staged>();
  const release = (): void => {
    for (const one of staged.values()) one.release();
  };
  try {
    for (const read of models) {
      const copy = await copyOf(stage, read);
      if (copy.ok) staged.set(read.name, copy.value);
      // The attempt sees for itself that it was cancelled.
      else if (!stage.signal.aborted) log(`staging: ${read.declared} is read from the store: ${copy.error}`);
    }
  } catch (error) {
    release();
    throw error;
  }
  if (staged.size > 0) log(stagingText(area.root, [...staged.values()], monotonicMs() - began));
  return {
    reads: reads.map((read) => ({ ...read, path: staged.get(read.name)?.path ?? read.path })),
    release,
  };
}

async function copyOf(
  stage: Stage,
  { manifest, sha256: digest, declared }: ResolvedRead,
): Promise<Result<Staged, string>> {
  if (manifest === undefined) return fail('it has no manifest');
  try {
    return await stageWeights(stage, { manifest: manifest.value, digest });
  } catch (error) {
    if (!(error instanceof AlteredFile)) return fail(messageOf(error));
    const hint = 'Make them again: run the target that makes them with --skip-nx-cache.';
    throw new Fault('weights_missing', `the weights of ${declared} are altered: ${error.message}`, hint);
  }
}

function stagingText(root: string, staged: readonly Staged[], tookMs: number): string {
  const bytes = staged.reduce((sum, { copiedBytes }) => sum + copiedBytes, 0);
  const there = staged.filter(({ copiedBytes }) => copiedBytes === 0).length;
  const copied = `${staged.length - there} copied (${sizeText(bytes)}, ${(tookMs / 1_000).toFixed(1)} s)`;
  return `staging: of ${staged.length} weights in ${root} ${there} were there, ${copied}`;
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
