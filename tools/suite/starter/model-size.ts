// How large the models of a new suite are, and what follows: size class, ranks, lengths. By what the hub or a directory
// tells, else by the name.
import { largestRank } from '../load/ranks.js';
import type { SizeClass } from '../model/cell.js';
import { guessSizeClass } from '../model/size-classes.js';

export interface ModelFacts {
  /** Of the weights in the store, in bf16; undefined where nobody tells. */
  bytes?: number | undefined;
  /** config.json, with that of the text part laid over it. */
  config?: Readonly<Record<string, unknown>> | undefined;
}

const BYTES_A_NUMBER = 2;
/** In billions of numbers, the least that is of the next class. */
const BOUNDS: readonly [number, SizeClass][] = [
  [1, 'tiny'],
  [10.5, '7b'],
  [20, '13b'],
  [33.5, '30b'],
  [48, '40b'],
];
const EXPERTS = ['num_local_experts', 'num_experts', 'n_routed_experts'];
const POSITIONS = ['max_position_embeddings', 'n_positions', 'max_seq_len', 'seq_length'];
/** `135M`, `0.5B`, `1.4b` in the name of a model. */
const NUMBER_IN_NAME = /(?:^|[^\d.])(\d+(?:\.\d+)?)(b|m)(?![a-z0-9])/i;

/** Numbers of a model's weights, in billions. */
export function billionsOf({ bytes }: ModelFacts): number | undefined {
  return bytes === undefined ? undefined : bytes / BYTES_A_NUMBER / 1e9;
}

/** Undefined where neither weights nor name tell it. */
export function sizeClassOfFacts(facts: ModelFacts, idOrPath: string): SizeClass | undefined {
  const billions = billionsOf(facts);
  if (billions !== undefined) return classOf(billions, numberOf(facts, EXPERTS) ?? 0);
  const name = idOrPath.split('/').at(-1) ?? '';
  const guessed = guessSizeClass(name);
  if (guessed !== undefined) return guessed;
  const [, number, unit = ''] = NUMBER_IN_NAME.exec(name) ?? [];
  if (number === undefined) return undefined;
  return classOf(Number(number) / (unit.toLowerCase() === 'm' ? 1000 : 1), 0);
}

function classOf(billions: number, experts: number): SizeClass {
  if (experts > 1 && billions >= 1) return 'moe';
  return BOUNDS.find(([bound]) => billions < bound)?.[1] ?? '70b';
}

/** A rank that changes every model: `wanted`, or a share of the largest where that is too high. */
export function fittingRank(
  wanted: number,
  share: number,
  scope: 'ffn' | 'all',
  models: readonly ModelFacts[],
): number {
  const largest = models.map(({ config = {} }) => largestRank(config, scope, false) ?? Infinity);
  return models.reduce((rank, _, index) => {
    const most = largest[index] ?? Infinity;
    return rank < most * share ? rank : Math.max(1, Math.floor(most * share));
  }, wanted);
}

/** The longest text a model has positions for; undefined where its configuration does not say. */
export function positionsOf(facts: ModelFacts): number | undefined {
  return numberOf(facts, POSITIONS);
}

function numberOf({ config = {} }: ModelFacts, keys: readonly string[]): number | undefined {
  const value = keys.map((key) => config[key]).find((one) => typeof one === 'number' && one > 0);
  return typeof value === 'number' ? value : undefined;
}
