// InvarLock's spectral and RMT as they judge when prepared on the true baseline, and not, as in certify, on the subject.
import type { GuardsFile } from '../../read/schema.js';
import { type Judge, type JudgeAnswer, type Subject, undecided } from './judge.js';

type Guards = GuardsFile['guards'];

export const trueBaseline: readonly Judge[] = [
  guardJudge('spectral', 'spectral, prepared on the true baseline, does not pass', spectral),
  guardJudge('rmt', 'RMT, prepared on the true baseline, does not pass', rmt),
];

/** Measured, and what it is of; null without a figure. */
type Excess = { excess: number; of: string } | null;

/** The guard's own judgement; how far its figures are beyond what it allows is the score. */
function guardJudge<Name extends 'spectral' | 'rmt'>(
  name: Name,
  rule: string,
  excess: (guard: Guards[Name]) => Excess,
): Judge {
  return {
    name: `invarlock-true-baseline-${name}`,
    rule,
    readsOutcomes: false,
    reads: ['calibrate', 'preset', 'guards'],
    judge: ({ trueBaseline: found }: Subject): JudgeAnswer => {
      if (!found.ok) return undecided(found.because);
      const guard = found.value.guards[name];
      if (guard.fate !== 'ran') return undecided(guard.fate);
      const measured = excess(guard);
      if (guard.passed && measured === null) return undecided('it measured nothing');
      // The guard decides on more than these figures: where they say otherwise, they stand at the limit.
      const figure = measured === null || Number.isNaN(measured.excess) ? 0 : measured.excess;
      const score = guard.passed ? Math.min(0, figure) : Math.max(0, figure);
      return {
        judgement: guard.passed ? 'passed' : 'flagged',
        score,
        margin: 0 - score,
        because: measured?.of ?? 'without a figure',
      };
    },
  };
}

/**
 * |z| ÷ cap − 1 of the first matrix beyond the budget of caps: above 0 more matrices are beyond their cap than the guard
 * allows.
 */
function spectral({ measures }: Guards['spectral']): Excess {
  const {
    z_scores: scores,
    families,
    family_caps: caps,
    max_caps: budget,
    sigma_quantile: quantile,
  } = measures;
  const ranked = Object.entries(scores)
    .map(([name, z]) => {
      const cap = caps[families[name] ?? '']?.kappa ?? quantile ?? NaN;
      return { name, ratio: Math.abs(z) / cap };
    })
    // A z that is no number is beyond any cap.
    .map(({ name, ratio }) => ({ name, ratio: Number.isNaN(ratio) ? Infinity : ratio }))
    .toSorted((a, b) => b.ratio - a.ratio);
  const decisive = ranked[Math.min(budget, ranked.length - 1)];
  if (decisive === undefined) return null;
  return {
    excess: decisive.ratio - 1,
    of: `${decisive.name}: |z| is ${decisive.ratio.toPrecision(3)} of its cap`,
  };
}

/** Edge risk ÷ what is allowed of it − 1, in the family where that is most. */
function rmt({ measures }: Guards['rmt']): Excess {
  const { edge_risk_by_family: now, edge_risk_by_family_base: base, epsilon_by_family: epsilon } = measures;
  const ratios = Object.entries(base)
    .filter(([, before]) => before > 0)
    .map(([family, before]) => {
      const allowed = (1 + (epsilon[family] ?? 0)) * before;
      return { family, ratio: (now[family] ?? 0) / allowed };
    })
    .toSorted((a, b) => b.ratio - a.ratio);
  const [worst] = ratios;
  if (worst === undefined) return null;
  return {
    excess: worst.ratio - 1,
    of: `${worst.family}: edge risk ${worst.ratio.toPrecision(4)} of what is allowed`,
  };
}
