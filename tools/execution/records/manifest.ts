// The weights store as the executors see it: manifests, and whether the entry they name is whole.
import { lstatSync, utimesSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { sha256 } from '../../base/canonical.js';
import { digestFile, readRegular, staysInside } from '../../base/files.js';

/** Names lead nowhere else: a manifest may come from a cache that others write, too. */
const relativePath = z.string().min(1).refine(staysInside, { message: 'a path inside the entry' });

const manifestSchema = z.object({
  schema: z.literal(1),
  recipe: z.string().regex(/^[0-9a-f]{64}$/),
  /** Where the numbers were worked out: another class may give other bytes. Manifests of an earlier version lack it. */
  device_class: z.string().optional(),
  files: z.array(z.object({ path: relativePath, bytes: z.number().int().min(0), sha256: z.string() })).min(1),
  bytes: z.number().int(),
});

export type Manifest = z.infer<typeof manifestSchema>;

export function parseManifest(text: string): Manifest {
  return manifestSchema.parse(JSON.parse(text));
}

/** The store entry a manifest names; undefined for a file that is torn or none. */
export function recipeOf(text: string): string | undefined {
  try {
    return parseManifest(text).recipe;
  } catch {
    return undefined;
  }
}

/** The first file of the entry that is missing or of another size; undefined when the entry is whole. */
export function missingFile(storageRoot: string, manifest: Manifest): string | undefined {
  const entry = join(storageRoot, manifest.recipe);
  const wanted = manifest.files.map(({ path, bytes }) => ({ path: join(entry, path), bytes }));
  return wanted.find(({ path, bytes }) => lookAt(path)?.size !== bytes)?.path;
}

/**
 * A symbolic link where the store has the entry's own directory or file: what it leads to can be changed by whoever owns
 * that, whatever times it shows. Links to one file (hard links) are the store's own, between entries.
 */
function linkIn(storageRoot: string, { recipe, files }: Manifest): string | undefined {
  const names = new Set(files.flatMap(({ path }) => withParents(path)));
  const paths = ['', ...names, SEAL].map((name) => join(storageRoot, recipe, name));
  return paths.find((path) => lookAt(path)?.isSymbolicLink() === true);
}

/** `a/b/c` → `a`, `a/b`, `a/b/c`. */
function withParents(path: string): string[] {
  const parts = path.split('/');
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

const SEAL = 'manifest.json';

/**
 * `altered`: files of the right size with other bytes; `replaced`: made again since, and not as this manifest says;
 * `replaced by a link`: not the store's own.
 */
export interface WeightsProblem {
  how: 'missing' | 'altered' | 'replaced' | 'replaced by a link';
  path: string;
}

/**
 * What is wrong with the entry a manifest names. Files are read only where they were written after the entry was
 * sealed: hashing a large model at every use would take longer than many cells.
 */
export async function weightsProblem(
  storageRoot: string,
  manifest: Manifest,
  digest: string,
): Promise<WeightsProblem | undefined> {
  const link = linkIn(storageRoot, manifest);
  if (link !== undefined) return { how: 'replaced by a link', path: link };
  const missing = missingFile(storageRoot, manifest);
  if (missing !== undefined) return { how: 'missing', path: missing };
  const seal = join(storageRoot, manifest.recipe, SEAL);
  const sealed = lookAt(seal);
  if (sealed === undefined) return { how: 'missing', path: seal };
  if (sha256(readRegular(seal)) !== digest) return { how: 'replaced', path: seal };
  const touched = manifest.files
    .map(({ path, ...rest }) => ({ path: join(storageRoot, manifest.recipe, path), ...rest }))
    .filter(({ path }) => (lookAt(path)?.mtimeMs ?? 0) > sealed.mtimeMs);
  for (const file of touched) {
    if ((await digestFile(file.path)) !== file.sha256) return { how: 'altered', path: file.path };
  }
  if (touched.length > 0) sealAgain(seal);
  return undefined;
}

/** The files are as they were (a copied store): the next look need not read them. */
function sealAgain(seal: string): void {
  try {
    utimesSync(seal, new Date(), new Date());
  } catch {
    // Somebody else's store: it is read again the next time.
  }
}

/** Of the path itself, whatever a link there leads to. */
function lookAt(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined;
  }
}
