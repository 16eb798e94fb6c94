// What each guard of a certificate compared the edited model with, as the certificate itself tells.
import type { Guard } from '../../../suite/model/suite.js';
import type { Gates } from './gates.js';
import type { RawCertificate } from '../../read/schema.js';

/**
 * `baseline`: with the baseline. `itself`: with itself, so only checks within one model can fire. `not_run`: it is not in
 * the guard order. `nothing`: it evaluated nothing, or broke. `unknown`: the certificate does not say.
 */
export type ComparedWith = 'baseline' | 'itself' | 'not_run' | 'nothing' | 'unknown';

export const COMPARED_WITH_NAMES: Record<ComparedWith, string> = {
  baseline: 'with the baseline',
  itself: 'with itself (checks within one model only)',
  not_run: 'not run',
  nothing: 'evaluated nothing',
  unknown: 'with what, its record does not say',
};

/** Guards with a gate of their own; InvarLock judges by them. */
export const GATED_GUARDS = ['invariants', 'spectral', 'rmt'] as const satisfies readonly Guard[];
export type GatedGuard = (typeof GATED_GUARDS)[number];

const GATES_OF = {
  invariants: 'invariants_pass',
  spectral: 'spectral_stable',
  rmt: 'rmt_stable',
} as const;

/**
 * InvarLock prepares its guards on the model it loads and then applies the run's edit to it. Where that edit changed
 * nothing, the loaded model was the edited one already, and what a guard was prepared on is what it is shown.
 */
export function comparedWith(raw: RawCertificate, gates: Gates): Record<GatedGuard, ComparedWith> {
  const prepared = preparedOn(raw);
  const of = (guard: GatedGuard): ComparedWith => {
    const status = gates[GATES_OF[guard]];
    if (status === 'not_run') return 'not_run';
    if (status === 'missing') return 'nothing';
    return prepared;
  };
  const spectral = of('spectral');
  const norm = raw.spectral?.summary?.baseline_max_spectral_norm;
  return {
    invariants: of('invariants'),
    // Its record has the baseline's largest norm where it was shown one.
    spectral: spectral === 'itself' && typeof norm === 'number' ? 'baseline' : spectral,
    rmt: of('rmt'),
  };
}

function preparedOn({ edit, structure }: RawCertificate): 'baseline' | 'itself' | 'unknown' {
  const changed = structure?.params_changed;
  if (typeof changed === 'number' && changed > 0) return 'baseline';
  const plan = edit?.plan_digest;
  if (changed === 0 || (typeof plan === 'string' && plan.includes('noop'))) return 'itself';
  return 'unknown';
}

/** What the certificates of several runs say together: the weakest of them. */
export function comparedInAll(all: readonly ComparedWith[]): ComparedWith | null {
  const order: readonly ComparedWith[] = ['itself', 'unknown', 'nothing', 'not_run', 'baseline'];
  return order.find((one) => all.includes(one)) ?? null;
}
