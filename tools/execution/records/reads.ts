// The inputs of a cell, resolved: digests for its fingerprint, absolute paths for Python.
import { join, resolve } from 'node:path';
import type { CellRead } from '../../suite/model/cell.js';
import { sha256 } from '../../base/canonical.js';
import { fail, ok, type Result } from '../../base/result.js';
import { digestContent } from '../../base/contents.js';
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

export type ReadFailureReason =
  /** There is nothing at its path. */
  | 'missing'
  /** There is something, torn or damaged or not to be read by this user. */
  | 'unreadable';

export interface ReadFailure {
  reason: ReadFailureReason;
  /** A sentence that names the input. */
  message: string;
}

/** All inputs, or the first that cannot be used. */
export async function resolveReads(
  workspaceRoot: string,
  storageRoot: string,
  reads: readonly CellRead[],
): Promise<Result<ResolvedRead[], ReadFailure>> {
  const resolved: ResolvedRead[] = [];
  const all = await Promise.all(reads.map((read) => resolveRead(workspaceRoot, storageRoot, read)));
  for (const one of all) {
    if (!one.ok) return one;
    resolved.push(one.value);
  }
  return ok(resolved);
}

/** Digest of one input, as it enters the fingerprint. */
export async function digestRead(
  workspaceRoot: string,
  read: CellRead,
): Promise<Result<string, ReadFailure>> {
  const resolved = await resolveRead(workspaceRoot, '', read);
  return resolved.ok ? ok(resolved.value.sha256) : resolved;
}

async function resolveRead(
  workspaceRoot: string,
  storageRoot: string,
  read: CellRead,
): Promise<Result<ResolvedRead, ReadFailure>> {
  const absolute = resolve(workspaceRoot, read.path);
  const base = { name: read.name, declared: read.path };
  try {
    switch (read.as) {
      case 'file':
        return ok({ ...base, path: absolute, sha256: await digestSettled(absolute) });
      case 'listing':
        return ok({ ...base, path: absolute, sha256: digestListing(absolute) });
      case 'directory':
        return ok({ ...base, path: absolute, sha256: await digestDirectory(absolute) });
      case 'content':
        return ok({ ...base, path: absolute, sha256: await digestContent(absolute) });
      case 'weights': {
        const { digest, value } = await readSettled(absolute, (text) => ({
          digest: sha256(text),
          value: parseManifest(text),
        }));
        const path = join(storageRoot, value.recipe);
        return ok({ ...base, path, sha256: digest, manifest: { path: absolute, value } });
      }
    }
  } catch (error) {
    const name = `${read.path} (${read.name})`;
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
      ? fail({ reason: 'missing', message: `${name} is missing` })
      : fail({ reason: 'unreadable', message: `${name} cannot be read` });
  }
}
