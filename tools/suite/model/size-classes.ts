// What depends on a model's size: the original script's table, and the windows that InvarLock accepts in its place.
// docs/formulas.md#size-classes
import type { SizeClass } from './cell.js';
import { minimumsOf, type Tier } from './minimums.js';
import type { Dataset } from './suite.js';
import type { Windows } from './windows.js';

interface SizeRow {
  /** As the original script has them: overlapping and few, which InvarLock 0.3.7 refuses. */
  reference: Windows;
  /** Windows evaluated at once in calibrations and certificates. */
  invarlockBatch: number;
  bootstrap: number;
  skipOverheadCheck: boolean;
  /** lm-eval's batch size; never `auto` where the model is small enough for a CPU. */
  evalBatch: number | string;
  mode: 'batch' | 'per-edit';
}

function row(
  [seq_len, windows, invarlockBatch]: [number, number, number],
  evalBatch: number | string,
  large: boolean,
  mode: SizeRow['mode'],
): SizeRow {
  return {
    reference: { seq_len, stride: seq_len / 2, preview: windows, final: windows },
    invarlockBatch,
    bootstrap: large ? 1000 : 2000,
    skipOverheadCheck: large,
    evalBatch,
    mode,
  };
}

export const SIZE_TABLE: Record<SizeClass, SizeRow> = {
  tiny: row([128, 64, 32], 16, false, 'batch'),
  '7b': row([2048, 64, 96], 'auto:16', false, 'batch'),
  '13b': row([1536, 48, 64], 'auto:16', false, 'batch'),
  '30b': row([1024, 40, 48], 'auto:8', true, 'batch'),
  '40b': row([1024, 36, 32], 'auto:8', true, 'batch'),
  moe: row([1024, 40, 24], 'auto:6', true, 'per-edit'),
  '70b': row([128, 8, 2], 'auto:4', true, 'per-edit'),
};

/**
 * Real tokens of wikitext2's rows, which are windows each: of the whole row on average, and of the part of it that a short
 * window has; with the tokenizers that make the fewest of it (GPT-2's, Qwen's).
 */
const ROW_TOKENS = 112;
const SHARE_OF_WINDOW = 0.66;
/** Rows are drawn at random, and no two tokenizers agree. */
const SPARE = 1.2;

/** Rows of wikitext2 in each of two sets that have the tokens a tier asks for, to the next ten. */
export function rowsFor(seqLen: number, tier: Tier): number {
  const real = Math.min(ROW_TOKENS, SHARE_OF_WINDOW * seqLen);
  return 10 * Math.ceil((SPARE * minimumsOf(tier).tokens) / real / 20);
}

/**
 * Adjoining windows, as many as the minimum of every tier asks (and no fewer than the 200 + 200 of profile `ci`). A line of a
 * local corpus fills its window; rows of wikitext2 are padded, and so many are taken that their real tokens suffice.
 */
export function validWindows(sizeClass: SizeClass, tier: Tier, provider: Dataset['provider']): Windows {
  const { seq_len } = SIZE_TABLE[sizeClass].reference;
  const least = tier === 'conservative' ? 220 : 200;
  const count = provider === 'wikitext2' ? Math.max(least, rowsFor(seq_len, tier)) : least;
  return { seq_len, stride: seq_len, preview: count, final: count };
}

/** The class a hub id or path speaks of, as the original script reads it (34B counts as 40B). */
export function guessSizeClass(idOrPath: string): SizeClass | undefined {
  const name = idOrPath.toLowerCase();
  const table: [RegExp, SizeClass][] = [
    [/mixtral|8x7b|moe/, 'moe'],
    [/(?<!\d)(65|70|72)b/, '70b'],
    [/(?<!\d)(34|40)b/, '40b'],
    [/(?<!\d)(30|32|33)b/, '30b'],
    [/(?<!\d)(13|14)b/, '13b'],
    [/(?<!\d)[678]b/, '7b'],
    [/(^|\/)gpt2-xl$/, '7b'],
    [/(^|\/)(distil)?gpt2(-medium|-large)?$/, 'tiny'],
  ];
  return table.find(([pattern]) => pattern.test(name))?.[1];
}
