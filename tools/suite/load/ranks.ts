// Strengths that a model is too small for: ranks that no matrix exceeds, so that nothing changes, and more zeroed blocks
// than there are. Seen when the projects are made, wherever a
// configuration or a profile already tells the sizes; the edit's cell knows every matrix (variants/edition.py).
import { asMapping } from '../../base/json-value.js';
import { posix } from 'node:path';
import type { Scope } from '../model/edit-spec.js';
import { beside, modelPaths } from '../model/paths.js';
import type { Suite, SuiteModel } from '../model/suite.js';
import type { Diagnostic } from '../yaml/diagnostic.js';
import { diagnosticAt } from '../yaml/diagnostics.js';
import type { YamlSource } from '../yaml/yaml-source.js';
import { editPlaces } from './edit-places.js';
import type { Input } from './input.js';
import type { ReadModel } from './sections.js';

type Json = Record<string, unknown>;
type ReadPath = (path: string) => Input;

const LAYERS = ['num_hidden_layers', 'n_layer', 'num_layers'];
const HIDDEN = ['hidden_size', 'n_embd', 'n_embed', 'd_model'];
const INTERMEDIATE = ['intermediate_size', 'n_inner', 'ffn_dim', 'ffn_hidden_size'];

/** A mistake for each edit whose rank is at least the smaller side of every matrix in its scope, or that zeroes too many blocks. */
export function rankProblems(
  source: YamlSource,
  models: readonly ReadModel[],
  suite: Suite,
  readPath: ReadPath,
): Diagnostic[] {
  return suite.models.flatMap((model, at) => {
    const read = models[at];
    if (read === undefined) return [];
    let known: Json | undefined;
    return editPlaces(source, read, model).flatMap(({ edit: { spec, step }, path, own, given }) => {
      if (spec.type !== 'lowrank_svd' && spec.type !== 'zero_blocks') return [];
      const key = step === undefined ? 'edits' : 'ladders';
      // A model made from facts is there to try things out: as long as nobody chose edits for it, its cell says it.
      if (!given && model.source.type === 'facts') return [];
      known ??= sizesOf(suite.name, model, readPath) ?? {};
      const declared = model.matrices !== undefined;
      const problem =
        spec.type === 'zero_blocks'
          ? tooManyBlocks(known, spec.count, model.name)
          : tooHighRank(largestRank(known, spec.scope, declared), spec, model.name);
      if (problem === undefined) return [];
      const another = own ? '' : `, or the model ${key} of its own`;
      return [
        diagnosticAt(source, path, given ? problem + another : `the default edit of ${problem}${another}`),
      ];
    });
  });
}

function tooHighRank(
  most: number | undefined,
  { rank, scope }: { rank: number; scope: Scope },
  model: string,
): string | undefined {
  if (most === undefined || rank < most) return undefined;
  return (
    `rank ${rank} changes nothing of model ${model}: no matrix in its scope ` +
    `(${scope}) has more than ${most}. Give it a rank below ${most}`
  );
}

function tooManyBlocks(config: Json, count: number, model: string): string | undefined {
  const blocks = size(config, LAYERS);
  if (blocks === undefined || count <= blocks) return undefined;
  return `count ${count} is more than the ${blocks} blocks of model ${model}. Give it a count of ${blocks} at most`;
}

/**
 * What no matrix in scope can exceed: each reads or writes the hidden state, those of a plain MLP the intermediate one too.
 * Of experts the sizes have many names and defaults, and declared matrices may be any, so there only the hidden size counts.
 */
export function largestRank(config: Json, scope: Scope, declared: boolean): number | undefined {
  const hidden = size(config, HIDDEN);
  if (hidden === undefined || scope !== 'ffn' || declared) return hidden;
  if (Object.keys(config).some((key) => key.includes('expert'))) return hidden;
  return Math.min(hidden, size(config, INTERMEDIATE) ?? hidden);
}

/** The largest, where a size differs by layer. */
function size(config: Json, names: readonly string[]): number | undefined {
  for (const name of names) {
    const value = config[name];
    const largest = Array.isArray(value) ? Math.max(...value.map(Number)) : value;
    if (typeof largest === 'number' && Number.isInteger(largest) && largest > 0) return largest;
  }
  return undefined;
}

function sizesOf(suite: string, { name, source }: SuiteModel, readPath: ReadPath): Json | undefined {
  if (source.type === 'facts') return source;
  if (source.type === 'path' && typeof source.path === 'string') {
    const config = readJson(readPath, posix.join(source.path, 'config.json'));
    const text = asMapping(config?.text_config);
    return config === undefined ? undefined : { ...config, ...text };
  }
  const profile = readJson(readPath, beside(modelPaths(suite, name).baseline).profile);
  // One of a model that had this name before says nothing of this one.
  return profile?.model_id === source.id ? profile : undefined;
}

function readJson(readPath: ReadPath, path: string): Json | undefined {
  const found = readPath(path);
  if (found.kind !== 'file') return undefined;
  try {
    return asMapping(JSON.parse(found.text));
  } catch {
    return undefined; // its setup says what is wrong with it
  }
}
