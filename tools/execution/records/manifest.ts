// The weights store as the executors see it: manifests, and whether the entry they name is whole.
import { readFileSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { sha256 } from '../../base/canonical.js';
import { digestFile } from '../../base/files.js';

/** Names lead nowhere else: a manifest may come from a cache that others write, too. */
const relativePath = z
  .string()
  .min(1)
  .refine((path) => !path.startsWith('/') && !path.includes('\0') && !path.split(/[/\\]/).includes('..'), {
    message: 'a path inside the entry',
  });

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
  return wanted.find(({ path, bytes }) => statOf(path)?.size !== bytes)?.path;
}

/** `altered`: files of the right size with other bytes; `replaced`: made again since, and not as this manifest says. */
export interface WeightsProblem {
  how: 'missing' | 'altered' | 'replaced';
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
  const missing = missingFile(storageRoot, manifest);
  if (missing !== undefined) return { how: 'missing', path: missing };
  const seal = join(storageRoot, manifest.recipe, 'manifest.json');
  const sealed = statOf(seal);
  if (sealed === undefined) return { how: 'missing', path: seal };
  if (sha256(readFileSync(seal)) !== digest) return { how: 'replaced', path: seal };
  const touched = manifest.files
    .map(({ path, ...rest }) => ({ path: join(storageRoot, manifest.recipe, path), ...rest }))
    .filter(({ path }) => (statOf(path)?.mtimeMs ?? 0) > sealed.mtimeMs);
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

function statOf(path: string): { size: number; mtimeMs: number } | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
