// Judges that look at one number of a certificate, the ratio of perplexities: is it finite, and is it above a limit?
import type { CertificateRow } from '../certificates/rows.js';
import { TIER_LIMITS } from '../certificates/threshold.js';
import { distinct, lacking } from './invarlock.js';
import { against, type Judge, type JudgeAnswer, undecided } from './judge.js';

/** A refused model is one whose numbers are not finite. */
export const finite: Judge = {
  name: 'finite',
  rule: 'the perplexity ratio is no finite number, or the model is refused',
  readsOutcomes: false,
  reads: ['baseline', 'certify'],
  judge: ({ runs }): JudgeAnswer => {
    const ratio = pooledRatio(runs);
    if (ratio === null) return undecided(lacking(runs));
    const broken = !Number.isFinite(ratio);
    return against(0.5, broken ? 1 : 0, broken ? 'perplexity is not finite' : 'perplexity is finite');
  },
};

/** One a tier, at the limit InvarLock has for it. */
export const perplexity: readonly Judge[] = Object.values(TIER_LIMITS).map(ratioJudge);

function ratioJudge(limit: number): Judge {
  return {
    name: perplexityName(limit),
    rule: `the perplexity ratio is above ${limit.toFixed(2)}, or no finite number`,
    readsOutcomes: false,
    reads: ['baseline', 'certify'],
    judge: ({ runs }): JudgeAnswer => {
      const ratio = pooledRatio(runs);
      if (ratio === null) return undecided(lacking(runs));
      return against(limit, ratio, Number.isFinite(ratio) ? `ratio ${ratio.toFixed(4)}` : 'no finite ratio');
    },
  };
}

export function perplexityName(limit: number): string {
  return `perplexity-${limit.toFixed(2)}`;
}

/**
 * Of all windows together: the geometric mean over the distinct runs that have a ratio. Infinite where one has none that
 * is a positive finite number, or was refused; null where no run says anything.
 */
function pooledRatio(runs: readonly CertificateRow[]): number | null {
  const logs = distinct(runs).flatMap(({ state, judgement }): number[] => {
    if (state === 'refused') return [Infinity];
    if (judgement === null) return [];
    const ratio = judgement.pm.ratio ?? NaN;
    return [ratio > 0 && Number.isFinite(ratio) ? Math.log(ratio) : Infinity];
  });
  if (logs.length === 0) return null;
  return Math.exp(logs.reduce((sum, one) => sum + one, 0) / logs.length);
}
