// The weights store as the executors see it: manifests, and whether the entry they name is whole.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const manifestSchema = z.object({
  schema: z.literal(1),
  recipe: z.string().regex(/^[0-9a-f]{64}$/),
  /** Where the numbers were worked out: another class may give other bytes. Manifests of an earlier version lack it. */
  device_class: z.string().optional(),
  files: z
    .array(z.object({ path: z.string().min(1), bytes: z.number().int().min(0), sha256: z.string() }))
    .min(1),
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
  return wanted.find(({ path, bytes }) => sizeOf(path) !== bytes)?.path;
}

function sizeOf(path: string): number | undefined {
  try {
    return statSync(path).size;
  } catch {
    return undefined;
  }
}
