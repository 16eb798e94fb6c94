// InvarLock 0.12 as a judge: what its own report says of a variant beside the true baseline, on more windows than 0.3.7.
import type { Outcome012 } from '../../read/schema.js';
import { type Judge, type JudgeAnswer, undecided } from './judge.js';

export const invarlock012: Judge = {
  name: 'invarlock-0.12',
  rule: 'InvarLock 0.12 says FAIL over its gates, or refuses the model',
  readsOutcomes: false,
  reads: ['calibrate', 'preset', 'certify012'],
  judge: ({ outcome012 }): JudgeAnswer =>
    outcome012.ok ? decided(outcome012.value) : undecided(outcome012.because),
};

/** The score is the ratio of perplexities; where the verdict and the ratio differ, it stands at the limit. */
function decided({ status, reason, guards, verdict, failed, ratio, limit }: Outcome012): JudgeAnswer {
  if (status === 'refused') return worst(`refused: ${reason ?? 'no reason given'}`);
  // Its flag is true by default: of a guard that broke, it says nothing.
  const broken = Object.entries(guards).find(([name, fate]) => !hasRun(name, fate));
  if (broken !== undefined && verdict === 'PASS') return undecided(`${broken[0]} ${broken[1]}`);
  if (verdict === 'FAIL' && ratio === null) return worst('no finite ratio');
  if (ratio === null || limit === null) return undecided('it passes without a ratio or its limit');
  const flagged = verdict === 'FAIL';
  const score = flagged ? Math.max(limit, ratio) : Math.min(limit, ratio);
  return {
    judgement: flagged ? 'flagged' : 'passed',
    score,
    margin: limit - score,
    because: `ratio ${ratio.toFixed(4)}${flagged ? `; ${failed.join(', ')}` : ''}`,
  };
}

/** In a small model the variance guard may find nothing to work on. */
function hasRun(name: string, fate: string): boolean {
  return fate === 'ran' || (name === 'variance' && fate.startsWith('not_ready'));
}

function worst(because: string): JudgeAnswer {
  return { judgement: 'flagged', score: Infinity, margin: -Infinity, because };
}
