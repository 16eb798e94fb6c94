// Resolves what a cell reads: digests for its fingerprint, absolute paths for Python.
import { join, resolve } from 'node:path';
import type { CellRead } from '../../suite/model/cell.js';
import { sha256 } from '../../base/canonical.js';
import { Fault } from '../../base/fault.js';
import { digestDirectory, digestListing } from '../../base/files.js';
import { digestSettled, readSettled } from '../../base/settled.js';
import { parseManifest, type Manifest } from './manifest.js';

export interface ResolvedRead {
  name: string;
  /** Absolute: the file, the directory, or the weights' store entry. */
  path: string;
  /** Workspace-relative path it was declared with. */
  declared: string;
  /** Of the file's content; of a manifest for weights; of names and contents for a directory. */
  sha256: string;
  /** Absolute path of the manifest, and its content, for weights. */
  manifest?: { path: string; value: Manifest };
}

/** @throws Fault naming the input that is missing or damaged, and what makes it. */
export async function resolveReads(
  workspaceRoot: string,
  storageRoot: string,
  reads: readonly CellRead[],
): Promise<ResolvedRead[]> {
  return Promise.all(reads.map((read) => resolveRead(workspaceRoot, storageRoot, read)));
}

/** Digest of one input, as it enters the fingerprint. @throws Fault when it is missing or damaged. */
export async function digestRead(workspaceRoot: string, read: CellRead): Promise<string> {
  return (await resolveRead(workspaceRoot, '', read)).sha256;
}

async function resolveRead(
  workspaceRoot: string,
  storageRoot: string,
  read: CellRead,
): Promise<ResolvedRead> {
  const absolute = resolve(workspaceRoot, read.path);
  const base = { name: read.name, declared: read.path };
  try {
    switch (read.as) {
      case 'file':
        return { ...base, path: absolute, sha256: await digestSettled(absolute) };
      case 'listing':
        return { ...base, path: absolute, sha256: digestListing(absolute) };
      case 'directory':
        return { ...base, path: absolute, sha256: await digestDirectory(absolute) };
      case 'weights': {
        const { digest, value } = await readSettled(absolute, (text) => ({
          digest: sha256(text),
          value: parseManifest(text),
        }));
        const path = join(storageRoot, value.recipe);
        return { ...base, path, sha256: digest, manifest: { path: absolute, value } };
      }
    }
  } catch (error) {
    const cause = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'is missing' : 'cannot be read';
    throw new Fault(
      'bad_input',
      `${read.path} (${read.name}) ${cause}`,
      'Run the cell that makes it, or restore the file.',
    );
  }
}
