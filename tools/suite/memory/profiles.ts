// The profiles of a suite's models, as far as their setups have written them.
import { join } from 'node:path';
import { readIfThere } from '../../base/files.js';
import { parseProfile, type ModelProfile } from './memory-plan.js';
import { beside, modelPaths } from '../model/paths.js';

/**
 * Undefined while there is none, and for a torn or foreign one: memory is then planned without one.
 *
 * @param tell is told what is wrong with one, and what to do.
 */
export function readProfile(
  workspaceRoot: string,
  suite: string,
  model: string,
  tell: (sentence: string) => void = () => undefined,
): ModelProfile | undefined {
  const path = beside(modelPaths(suite, model).baseline).profile;
  const text = readIfThere(join(workspaceRoot, path));
  if (text === undefined) return undefined;
  const parsed = parseProfile(text);
  if (parsed.ok) return parsed.value;
  tell(
    `${path} ${parsed.error}: memory is planned without it; ` +
      `npx nx run ${suite}.${model}.baseline:setup writes it anew`,
  );
  return undefined;
}

/** By model. */
export function readProfiles(
  workspaceRoot: string,
  suite: string,
  cells: readonly { model: string }[],
  tell?: (sentence: string) => void,
): ReadonlyMap<string, ModelProfile> {
  const models = [...new Set(cells.map(({ model }) => model))];
  return new Map(
    models.flatMap((model) => {
      const profile = readProfile(workspaceRoot, suite, model, tell);
      return profile === undefined ? [] : [[model, profile] as const];
    }),
  );
}
