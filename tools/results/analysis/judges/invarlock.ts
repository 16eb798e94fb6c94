// InvarLock's certify as a judge: the judgement of most runs, scored by how far its gates are beyond their thresholds.
import { majority } from '../judge/repeats.js';
import { GATES } from '../certificates/gates.js';
import type { CertificateRow } from '../certificates/rows.js';
import { ALL_PASS_GATES } from '../certificates/gates.js';
import type { Judge, JudgeAnswer, Subject } from './judge.js';
import { undecided } from './judge.js';

export const invarlock: Judge = {
  name: 'invarlock',
  rule: 'a gate of all_pass fails in most runs, or the model is refused',
  readsOutcomes: false,
  reads: ['calibrate', 'preset', 'baseline', 'certify'],
  judge: ({ runs }: Subject): JudgeAnswer => {
    const flagged = majority(runs);
    if (flagged === null) return undecided(lacking(runs));
    const scores = distinct(runs).flatMap((run) => runScore(run) ?? []);
    const score = median(scores);
    return {
      judgement: flagged ? 'flagged' : 'passed',
      score,
      margin: score === null ? null : 0 - score,
      because: flagged ? failing(runs) : 'no gate of all_pass fails in most runs',
    };
  },
};

/**
 * Logarithm of ratio ÷ threshold, above 0 where the primary metric fails. A guard that fails counts by its own relative
 * excess where that is more; a gate that fails without a figure stands at its threshold. Nothing is worse than an
 * invariant that does not hold, a refusal, or a ratio that is no number.
 */
export function runScore({ state, judgement }: CertificateRow): number | null {
  if (state === 'refused') return Infinity;
  if (judgement === null) return null;
  const { gates, pm, threshold, margins } = judgement;
  const ratio = pm.ratio ?? NaN;
  if (gates.invariants_pass === 'fail' || !(ratio > 0 && Number.isFinite(ratio))) return Infinity;
  const failed = ALL_PASS_GATES.some((gate) => gates[gate] === 'fail');
  return Math.max(
    Math.log(ratio / threshold),
    ...(failed ? [0] : []),
    ...(gates.rmt_stable === 'fail' && margins.rmt !== null ? [-margins.rmt] : []),
    ...(gates.spectral_stable === 'fail' && margins.spectral !== null ? [-margins.spectral] : []),
  );
}

export function distinct(runs: readonly CertificateRow[]): CertificateRow[] {
  return runs.filter(({ repeats }) => repeats === null);
}

/** Of an even number the mean of the middle two: of two split runs the pooled ratio against the threshold. */
export function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  const low = sorted[Math.floor((sorted.length - 1) / 2)];
  const high = sorted[Math.floor(sorted.length / 2)];
  if (low === undefined || high === undefined) return null;
  return low === high ? low : (low + high) / 2;
}

export function lacking(runs: readonly CertificateRow[]): string {
  const without = distinct(runs).filter(({ flagged }) => flagged === null);
  if (without.length === 0) return 'no certificate is planned';
  const states = [
    ...new Set(without.map(({ state }) => (state === 'certified' ? 'a flag is missing' : state))),
  ];
  return `${without.length} of ${distinct(runs).length} certificates without a judgement: ${states.join(', ').replaceAll('_', ' ')}`;
}

function failing(runs: readonly CertificateRow[]): string {
  const all = distinct(runs);
  const refused = all.find(({ state }) => state === 'refused');
  if (refused !== undefined) return `refused: ${refused.refusal ?? 'no reason given'}`;
  const gates = GATES.filter(
    (gate) => ALL_PASS_GATES.includes(gate) && all.some(({ judgement }) => judgement?.gates[gate] === 'fail'),
  );
  return gates.join(', ');
}
