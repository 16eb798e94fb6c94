// One judgement of the several runs of a variant: the majority's, and where they are split that of their pooled windows.
import type { Judgement } from '../certificates/certificate.js';
import type { Tri } from '../statistics/tri.js';

export interface Run {
  /** The run this one only repeats; such runs are one measurement. */
  repeats: number | null;
  flagged: Tri;
  judgement: Pick<Judgement, 'pm' | 'threshold'> | null;
}

/**
 * Flagged when more than half of the distinct runs are. Of an even split the windows are pooled: the perplexity
 * ratio of all of them together, which is the geometric mean of the runs' since each has as many windows, is held against
 * the threshold as InvarLock holds one run's. Null while runs without a judgement could turn it.
 */
export function majority(runs: readonly Run[]): Tri {
  const distinct = runs.filter(({ repeats }) => repeats === null);
  const flagged = distinct.filter((run) => run.flagged === true).length;
  const passed = distinct.filter((run) => run.flagged === false).length;
  if (2 * flagged > distinct.length) return true;
  if (2 * passed > distinct.length) return false;
  if (distinct.length === 0 || flagged + passed < distinct.length) return null;
  return pooledAbove(distinct);
}

/** Geometric mean of the ratios above the threshold; a ratio that is no positive finite number is above any. */
function pooledAbove(runs: readonly Run[]): Tri {
  let sum = 0;
  let threshold = Infinity;
  for (const { judgement } of runs) {
    if (judgement === null) return null;
    const ratio = judgement.pm.ratio ?? NaN;
    if (!(ratio > 0 && Number.isFinite(ratio))) return true;
    sum += Math.log(ratio);
    threshold = Math.min(threshold, judgement.threshold);
  }
  return Math.exp(sum / runs.length) > threshold;
}
