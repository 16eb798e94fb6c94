// Outcomes: how one variant answered every item of its benchmarks, as columns of one length.

/** What should not differ between the two arms of a pair beyond the model itself. */
export const ASKED = ['batch_size', 'num_fewshot', 'limit', 'lm_eval_version'] as const;
export type Asked = (typeof ASKED)[number];

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
  /** By benchmark, how its items were asked, as the file says. */
  asked: Readonly<Record<string, Readonly<Record<Asked, string>>>>;
}
