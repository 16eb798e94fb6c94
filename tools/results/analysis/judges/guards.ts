// Each guard of InvarLock's certify as a judge of its own: what it alone would have flagged, scored by its own margin.
import type { Gate } from '../certificates/gates.js';
import { gateFlag } from '../judge/gate-flag.js';
import type { CertificateRow } from '../certificates/rows.js';
import { distinct, lacking, median } from './invarlock.js';
import { type Judge, type JudgeAnswer, type Subject, undecided } from './judge.js';

type Score = (judgement: NonNullable<CertificateRow['judgement']>) => number | null;

export const guards: readonly Judge[] = [
  // It has no figure of how far it holds.
  guard('invariants', 'invariants_pass', () => null),
  guard('primary-metric', 'primary_metric_acceptable', ({ pm, threshold }) => {
    const ratio = pm.ratio ?? NaN;
    return ratio > 0 && Number.isFinite(ratio) ? Math.log(ratio / threshold) : Infinity;
  }),
  guard('spectral', 'spectral_stable', ({ margins }) => negated(margins.spectral)),
  guard('rmt', 'rmt_stable', ({ margins }) => negated(margins.rmt)),
];

function guard(name: string, gate: Gate, score: Score): Judge {
  return {
    name: `invarlock-${name}`,
    rule: `${name.replace('-', ' ')} alone fails in most runs`,
    readsOutcomes: false,
    reads: ['calibrate', 'preset', 'baseline', 'certify'],
    judge: ({ runs }: Subject): JudgeAnswer => {
      const certified = distinct(runs).filter(({ judgement }) => judgement !== null);
      if (certified.length === 0 && runs.some(({ state }) => state === 'refused'))
        return undecided('InvarLock refused the model before any guard looked');
      const flagged = gateFlag(runs, gate);
      if (flagged === undefined) return undecided('not in the order of guards');
      if (flagged === null) return undecided(lacking(runs));
      const scores = certified.flatMap(({ judgement }) =>
        judgement === null ? [] : (score(judgement) ?? []),
      );
      return answer(flagged, median(scores));
    },
  };
}

/** The guard decides on more than its figure: where they disagree, the figure stands at the limit. */
function answer(flagged: boolean, figure: number | null): JudgeAnswer {
  const judgement = flagged ? 'flagged' : 'passed';
  const because = flagged ? 'fails in most runs' : 'passes';
  if (figure === null) return { judgement, score: flagged ? 1 : 0, margin: null, because };
  const score = flagged ? Math.max(0, figure) : Math.min(0, figure);
  return { judgement, score, margin: 0 - score, because };
}

function negated(margin: number | null): number | null {
  return margin === null ? null : 0 - margin;
}
