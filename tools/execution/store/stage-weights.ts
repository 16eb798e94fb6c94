// One copy of weights on the node's own disk: taken where it is there, waited for while another cell makes it, else made.
import { existsSync, mkdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from '../../base/canonical.js';
import { readRegular } from '../../base/files.js';
import { fail, ok, type Result } from '../../base/result.js';
import type { Log } from '../../base/text/live-lines.js';
import { withLongLock } from '../../host/long-lock.js';
import { weightsProblem, type Manifest } from '../records/manifest.js';
import { copyVerified } from './copy-verified.js';
import { evictEntry, removeTree } from './evict-weights.js';
import { openStaging, reserveCopy, type StagingArea } from './staged-copies.js';
import { addReferences } from './store-references.js';

export interface Stage {
  area: StagingArea;
  storageRoot: string;
  signal: AbortSignal;
  log: Log;
  /** While it waits or copies. */
  onProgress: () => void;
}

export interface Weights {
  manifest: Manifest;
  /** Of the manifest's text: the name of the copy. */
  digest: string;
}

export interface Staged {
  /** The entry in its copy, of the same name as in the store. */
  path: string;
  /** 0: the copy was there. */
  copiedBytes: number;
  /** Ends this process's reference: the copy may leave for others. */
  release: () => void;
}

/** Who waits longer reads the store. */
const COPY_MS = 30 * 60_000;

/**
 * @returns the copy, referred to; else why there is none, in words.
 * @throws AlteredFile when the store itself has other bytes than the manifest says; whatever keeps from copying.
 */
export async function stageWeights(stage: Stage, weights: Weights): Promise<Result<Staged, string>> {
  const { area, signal, log, onProgress } = stage;
  openStaging(area);
  const lock = {
    name: 'copy',
    path: weights.digest,
    doing: 'copies the same weights',
    timeoutMs: COPY_MS,
    log,
    whileWaiting: () => {
      signal.throwIfAborted();
      onProgress();
    },
  };
  return withLongLock(area.root, lock, async () => {
    const there = await copyThatIsThere(area.root, weights);
    return there ?? makeCopy(stage, weights);
  });
}

/** Undefined where it is to be made. */
async function copyThatIsThere(
  root: string,
  { manifest, digest }: Weights,
): Promise<Result<Staged, string> | undefined> {
  const copy = join(root, digest);
  if (!existsSync(copy)) return undefined;
  const problem = await weightsProblem(copy, manifest, digest);
  if (problem !== undefined) {
    const gone = (await evictEntry(root, digest)) !== 'used';
    return gone ? undefined : fail(`a copy in use is ${problem.how} (${problem.path})`);
  }
  const release = await addReferences(root, [digest], () => existsSync(copy));
  if (release === undefined) return undefined;
  utimesSync(copy, new Date(), new Date());
  return ok({ path: join(copy, manifest.recipe), copiedBytes: 0, release });
}

async function makeCopy(
  { area, storageRoot, signal, onProgress }: Stage,
  { manifest, digest }: Weights,
): Promise<Result<Staged, string>> {
  const source = join(storageRoot, manifest.recipe);
  const seal = readRegular(join(source, 'manifest.json'));
  if (sha256(seal) !== digest) return fail(`${source} was made again`);
  const reserved = await reserveCopy(area, digest, manifest.bytes);
  if ('refused' in reserved) return fail(reserved.refused);
  const { draft, release } = reserved;
  try {
    const entry = join(draft, manifest.recipe);
    mkdirSync(entry);
    await copyVerified(source, entry, manifest, { signal, onBlock: onProgress });
    // Last: what is written later than its seal is read once more by whoever takes it.
    writeFileSync(join(entry, 'manifest.json'), seal, { mode: 0o444, flush: true });
    const copy = join(area.root, digest);
    renameSync(draft, copy);
    return ok({ path: join(copy, manifest.recipe), copiedBytes: manifest.bytes, release });
  } catch (error) {
    release();
    removeTree(draft);
    throw error;
  }
}
