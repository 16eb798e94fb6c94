// The gates of a certificate, what each may say, and the guard whose word it is.
import { GUARDS, type Guard } from '../../../suite/model/suite.js';

/** The first four make all_pass; the last two join them in overall_pass. */
export const GATES = [
  'invariants_pass',
  'primary_metric_acceptable',
  'spectral_stable',
  'rmt_stable',
  'preview_final_drift_acceptable',
  'guard_overhead_acceptable',
] as const;
export type Gate = (typeof GATES)[number];
export const ALL_PASS_GATES = GATES.slice(0, 4);

/**
 * `missing`: the certificate does not say; never a pass, never a detection.
 * `not_run`: its guard is not in the guard order (InvarLock's flag then says true of nothing).
 * `not_evaluated`: overhead that was not measured.
 */
export type GateStatus = 'pass' | 'fail' | 'missing' | 'not_run' | 'not_evaluated';
export type Gates = Record<Gate, GateStatus>;

/** The guard whose word a gate is. */
export const GUARD_OF: Partial<Record<Gate, Guard>> = {
  invariants_pass: 'invariants',
  spectral_stable: 'spectral',
  rmt_stable: 'rmt',
};

export function guardsNotRun(order: readonly string[]): Guard[] {
  return GUARDS.filter((guard) => !order.includes(guard));
}
