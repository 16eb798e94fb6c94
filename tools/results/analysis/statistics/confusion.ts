// Does InvarLock flag the edits that hurt? Confusion table over edits, and what follows from it.
import { type Interval, wilson, wilsonF1 } from './statistics.js';
import type { Tri } from './tri.js';

/** Positive: flagged. True: rightly so. INCONCLUSIVE edits stay out of every rate. */
export type Category =
  'TRUE_POSITIVE' | 'FALSE_POSITIVE' | 'TRUE_NEGATIVE' | 'FALSE_NEGATIVE' | 'INCONCLUSIVE';

export function categorise(regression: Tri, flagged: Tri): Category {
  if (regression === null || flagged === null) return 'INCONCLUSIVE';
  if (regression) return flagged ? 'TRUE_POSITIVE' : 'FALSE_NEGATIVE';
  return flagged ? 'FALSE_POSITIVE' : 'TRUE_NEGATIVE';
}

/** A proportion with its 95 % interval; `value` is null when there was nothing to count. */
export interface Rate {
  value: number | null;
  interval: Interval;
  /** Of how many, and how many of them. F1 counts TP of TP + FP + FN. */
  hits: number;
  of: number;
}

export interface Confusion {
  counts: Record<Category, number>;
  /** Judged edits: all but the inconclusive ones. */
  total: number;
  accuracy: Rate;
  precision: Rate;
  recall: Rate;
  specificity: Rate;
  f1: Rate;
}

/** With Wilson's interval, as the original rule has it. */
export function rate(hits: number, of: number): Rate {
  return { value: of === 0 ? null : hits / of, interval: wilson(hits, of), hits, of };
}

/**
 * accuracy (TP+TN)/all, precision TP/(TP+FP), recall TP/(TP+FN), specificity TN/(TN+FP), F1 2·TP/(2·TP+FP+FN); fractions of 1.
 * One entry an edit, however many runs it had.
 */
export function confusion(categories: readonly Category[]): Confusion {
  const counts = {
    TRUE_POSITIVE: 0,
    FALSE_POSITIVE: 0,
    TRUE_NEGATIVE: 0,
    FALSE_NEGATIVE: 0,
    INCONCLUSIVE: 0,
  };
  for (const category of categories) counts[category] += 1;
  const { TRUE_POSITIVE: tp, FALSE_POSITIVE: fp, TRUE_NEGATIVE: tn, FALSE_NEGATIVE: fn } = counts;
  const total = tp + fp + tn + fn;
  const relevant = tp + fp + fn;
  return {
    counts,
    total,
    accuracy: rate(tp + tn, total),
    precision: rate(tp, tp + fp),
    recall: rate(tp, tp + fn),
    specificity: rate(tn, tn + fp),
    f1: {
      value: relevant === 0 ? null : (2 * tp) / (2 * tp + fp + fn),
      interval: wilsonF1(tp, fp, fn),
      hits: tp,
      of: relevant,
    },
  };
}
