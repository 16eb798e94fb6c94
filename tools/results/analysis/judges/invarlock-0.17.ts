// InvarLock 0.17 as a judge: its paired test of the answers to the half of the items that no label is made of.
import type { ComparisonFile } from '../../read/schema.js';
import { type Judge, type JudgeAnswer, undecided } from './judge.js';

export const invarlock017: Judge = {
  name: 'invarlock-0.17',
  rule: 'InvarLock 0.17 decides regression: a loss of more than 3 points of accuracy is not excluded',
  readsOutcomes: true,
  reads: ['eval', 'regression'],
  judge: ({ comparison }): JudgeAnswer =>
    comparison.ok ? decided(comparison.value) : undecided(comparison.because),
};

/** As the cell's policy has it; InvarLock compares with the low end of its interval. */
const ALLOWED = 0.03;

/** The score is the largest loss of accuracy that InvarLock's interval holds, as a fraction of 1. */
function decided({ decision, metrics: [metric] }: ComparisonFile): JudgeAnswer {
  const reasons = metric?.reasons.join('; ') ?? '';
  if (decision === 'insufficient_evidence')
    return undecided(reasons === '' ? 'insufficient evidence' : reasons);
  const flagged = decision === 'regression';
  const lower = metric?.interval?.lower ?? NaN;
  const score = Number.isNaN(lower) ? null : 0 - lower;
  return {
    judgement: flagged ? 'flagged' : 'passed',
    score,
    margin: score === null ? null : ALLOWED - score,
    because:
      score === null
        ? reasons
        : `up to ${(100 * score).toFixed(2)} points lost of ${metric?.count ?? 0} items`,
  };
}
