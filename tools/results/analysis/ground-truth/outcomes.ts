// Outcomes: how one variant answered every item of its benchmarks, as columns of one length.

export interface Outcomes {
  benchmark: readonly string[];
  task: readonly string[];
  /** Hash of the item, and of the prompt it was asked with. */
  docHash: readonly string[];
  promptHash: readonly string[];
  /** The one metric `correct` is of: fixed before anything is compared. */
  metric: readonly string[];
  correct: readonly boolean[];
  /** Index of the right choice. */
  gold: readonly number[];
  /** Log-likelihood of each choice; the lengths differ from item to item. */
  logLikelihoods: readonly ArrayLike<number>[];
  /** How all of them were asked, as the file says: batch_size, num_fewshot, limit, lm_eval version. */
  asked: Readonly<Record<string, string>>;
}

/** What must not differ between the two arms of a pair beyond the model itself. */
export const ASKED_ALIKE = ['batch_size', 'num_fewshot', 'limit', 'lm_eval_version'] as const;

/** Names of benchmarks in it, each once, in the order of first appearance. */
export function benchmarksOf({ benchmark }: Outcomes): string[] {
  return [...new Set(benchmark)];
}
