// How large a model's weights are where they come from: plans of memory and disk go by it until the model is here.
import { readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** As the setup takes them (tools/python/validation/sources/download.py): safetensors, else pickles. */
const WEIGHTS = [/^model.*\.safetensors$/, /^pytorch_model.*\.bin$/];

/** Bytes of the weights among files of a model's top directory; undefined where there are none, or none has a size. */
export function weightsBytes(files: ReadonlyMap<string, number>): number | undefined {
  for (const pattern of WEIGHTS) {
    const bytes = [...files].reduce((sum, [name, size]) => sum + (pattern.test(name) ? size : 0), 0);
    if (bytes > 0) return bytes;
  }
  return undefined;
}

/** Of a model given by its path; undefined where there is nothing yet. */
export function directoryBytes(workspaceRoot: string, path: string): number | undefined {
  const directory = resolve(workspaceRoot, path);
  try {
    return weightsBytes(
      new Map(readdirSync(directory).map((name) => [name, statSync(join(directory, name)).size])),
    );
  } catch {
    return undefined;
  }
}
