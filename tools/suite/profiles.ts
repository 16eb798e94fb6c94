// The profiles of a suite's models, as far as their setups have written them.
import { join } from 'node:path';
import { readIfThere } from '../base/files.js';
import { parseProfile, type ModelProfile } from './memory-plan.js';
import { beside, modelPaths } from './paths.js';

export function readProfile(workspaceRoot: string, suite: string, model: string): ModelProfile | undefined {
  const { baseline } = modelPaths(suite, model);
  return parseProfile(readIfThere(join(workspaceRoot, beside(baseline).profile)));
}

/** By model. */
export function readProfiles(
  workspaceRoot: string,
  suite: string,
  cells: readonly { model: string }[],
): ReadonlyMap<string, ModelProfile> {
  const models = [...new Set(cells.map(({ model }) => model))];
  return new Map(
    models.flatMap((model) => {
      const profile = readProfile(workspaceRoot, suite, model);
      return profile === undefined ? [] : [[model, profile] as const];
    }),
  );
}
