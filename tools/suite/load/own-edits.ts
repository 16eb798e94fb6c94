// Edited checkpoints that cannot be of their model: one checkpoint is a variant of one model.
import { isCheckpoint } from '../model/edit-spec.js';
import type { Suite } from '../model/suite.js';
import type { Diagnostic } from '../yaml/diagnostic.js';
import { diagnosticAt } from '../yaml/diagnostics.js';
import type { YamlSource } from '../yaml/yaml-source.js';
import { editPlaces } from './edit-places.js';
import type { ReadModel } from './sections.js';

/** A mistake for each checkpoint among the suite's edits where more than one model takes those. */
export function checkOwnEdits(source: YamlSource, models: readonly ReadModel[], suite: Suite): Diagnostic[] {
  const shared = suite.models.flatMap((model, index) => {
    const read = models[index];
    const places = read === undefined ? [] : editPlaces(source, read, model);
    return places
      .filter(({ edit, own }) => !own && isCheckpoint(edit.spec))
      .map(({ path }) => ({ path, model: model.name }));
  });
  const byPlace = new Map<string, typeof shared>();
  for (const use of shared) {
    const at = use.path.join('/');
    byPlace.set(at, [...(byPlace.get(at) ?? []), use]);
  }
  return [...byPlace.values()].flatMap((uses) => {
    const [first] = uses;
    if (first === undefined || uses.length < 2) return [];
    const names = uses.map(({ model }) => model).join(', ');
    const message = `a checkpoint of one model, and ${names} take the suite's edits; write it below its model (edits:)`;
    return [diagnosticAt(source, first.path, message)];
  });
}
