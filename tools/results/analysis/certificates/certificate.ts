// What a certificate says: its gates, the threshold of its primary metric, its triage. Formulas: docs/formulas.md#gates.
import type { RawCertificate } from '../../read/schema.js';
import type { Guard } from '../../../suite/model/suite.js';
import { ALL_PASS_GATES, GATES, type Gate, type Gates, type GateStatus } from './gates.js';
import { comparedWith, type ComparedWith, type GatedGuard } from './compared-with.js';
import { type Acceptance, ratioThreshold } from './threshold.js';
import { marginsOf, type Margins } from './margins.js';
import { allOf, type Tri } from '../statistics/tri.js';

export type Triage = 'PASS' | 'REVIEW' | 'FAIL';

export interface Judgement {
  gates: Gates;
  /** Invariants, primary metric, spectral, RMT. */
  allPass: Tri;
  /** all_pass, drift, and overhead if it was evaluated. */
  overallPass: Tri;
  /** Ratios of perplexity to the baseline's; NaN as the certificate has it. */
  pm: { kind: string; preview: number | null; final: number | null; ratio: number | null };
  ci: { low: number; high: number } | null;
  /** Ratio above which the primary metric fails, hysteresis included. */
  threshold: number;
  /** The primary metric is marked invalid or degraded, or its ratio is no number above 0. */
  degraded: boolean;
  tier: string;
  hysteresisApplied: boolean;
  confidenceLabel: string | null;
  margins: Margins;
  /** What each guard held the edited model against. */
  comparedWith: Record<GatedGuard, ComparedWith>;
  determinism: { requested: string | null; level: string | null };
  policy: { digest: string | null; thresholdsHash: string | null; changed: boolean | null };
  triage: Triage;
  /** Why it is not PASS. */
  reasons: string[];
}

/**
 * Reads a certificate in the light of the guard order, tier and acceptance range it was asked for, and of what became of
 * each guard (`guards` of outcome.json): the flag of one that crashed says true by default.
 */
export function judge(
  raw: RawCertificate,
  order: readonly string[],
  plannedTier: string,
  guards: Readonly<Record<string, string>> = {},
  acceptance: Acceptance | null = null,
): Judgement {
  const gates = readGates(raw, order, guards);
  const metric = raw.primary_metric;
  const ratio = metric.ratio_vs_baseline ?? null;
  const ci = metric.display_ci ?? null;
  const tier = (raw.auto?.tier ?? plannedTier).toLowerCase();
  const threshold = ratioThreshold(raw, tier, acceptance);
  const counted = (names: readonly Gate[]): Tri =>
    allOf(
      names
        .map((name) => gates[name])
        .filter(isCounted)
        .map(asTri),
    );
  const facts = {
    gates,
    allPass: counted(ALL_PASS_GATES),
    overallPass: counted(GATES),
    pm: { kind: metric.kind, preview: metric.preview ?? null, final: metric.final ?? null, ratio },
    ci: ci === null ? null : { low: ci[0], high: ci[1] },
    threshold,
    degraded: metric.invalid === true || metric.degraded === true || !isRatio(ratio),
    tier,
    hysteresisApplied: raw.validation.hysteresis_applied === true,
    confidenceLabel: raw.confidence?.label ?? null,
    margins: marginsOf(raw, threshold, gates),
    comparedWith: comparedWith(raw, gates),
    determinism: {
      requested: raw.meta?.determinism?.requested ?? null,
      level: raw.meta?.determinism?.level ?? null,
    },
    policy: {
      digest: raw.auto?.policy_digest ?? null,
      thresholdsHash: raw.policy_digest?.thresholds_hash ?? null,
      changed: raw.policy_digest?.changed ?? null,
    },
  };
  return { ...facts, ...triage(facts) };
}

function readGates(
  raw: RawCertificate,
  order: readonly string[],
  guards: Readonly<Record<string, string>>,
): Gates {
  const read = (gate: Gate): GateStatus => {
    const value = raw.validation[gate];
    return value === true ? 'pass' : value === false ? 'fail' : 'missing';
  };
  const metric = raw.primary_metric;
  const ofGuard = (guard: Guard, gate: Gate, evaluated: boolean): GateStatus => {
    if (!order.includes(guard)) return 'not_run';
    // Neither a pass nor a detection: the guard broke, the model did not.
    if ((guards[guard] ?? 'ran') !== 'ran') return 'missing';
    // InvarLock's flag is true by default: of a guard that was ordered but did not measure, it says nothing.
    return evaluated || read(gate) === 'fail' ? read(gate) : 'missing';
  };
  return {
    invariants_pass: ofGuard('invariants', 'invariants_pass', true),
    // A flag that is true beside a ratio that cannot be is a contradiction: no pass, and no detection.
    primary_metric_acceptable:
      read('primary_metric_acceptable') === 'pass' && !isRatio(metric.ratio_vs_baseline)
        ? 'missing'
        : read('primary_metric_acceptable'),
    spectral_stable: ofGuard('spectral', 'spectral_stable', raw.spectral?.evaluated !== false),
    rmt_stable: ofGuard('rmt', 'rmt_stable', raw.rmt?.evaluated !== false),
    // The original script takes a missing drift flag for true; here a missing flag is never a pass.
    preview_final_drift_acceptable: [metric.preview, metric.final].every(isRatioOrUntold)
      ? read('preview_final_drift_acceptable')
      : 'fail',
    guard_overhead_acceptable:
      raw.guard_overhead?.evaluated === true ? read('guard_overhead_acceptable') : 'not_evaluated',
  };
}

/** Perplexities and their ratios are above 0 and finite. */
function isRatio(value: number | null | undefined): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}

function isRatioOrUntold(value: number | null | undefined): boolean {
  return value === null || value === undefined || isRatio(value);
}

function isCounted(status: GateStatus): boolean {
  return status !== 'not_run' && status !== 'not_evaluated';
}

function asTri(status: GateStatus): Tri {
  return status === 'pass' ? true : status === 'fail' ? false : null;
}

/** Ratio beyond the threshold at which a failed primary metric is clear even without an interval. */
const CLEAR_MARGIN = 0.03;

/**
 * FAIL when an invariant, spectral or RMT gate fails or the primary metric fails clearly (low end of its interval above
 * the threshold, or ratio > threshold + 0.03); PASS when overall_pass with High confidence and no hysteresis; else REVIEW.
 * A failed metric that is not a number is clear too, as in the original script.
 */
function triage(facts: Omit<Judgement, 'triage' | 'reasons'>): { triage: Triage; reasons: string[] } {
  const reasons: string[] = GATES.flatMap((gate) => {
    const status = facts.gates[gate];
    return status === 'fail' || status === 'missing' ? [`${gate}:${status}`] : [];
  });
  if (facts.degraded) reasons.push('primary_metric_degraded');
  if (facts.hysteresisApplied) reasons.push('hysteresis_applied');
  if (facts.confidenceLabel !== 'High') reasons.push(`confidence_${facts.confidenceLabel ?? 'missing'}`);
  const ratio = facts.pm.ratio ?? NaN;
  const clear =
    facts.gates.primary_metric_acceptable === 'fail' &&
    (ratio > facts.threshold + CLEAR_MARGIN ||
      Number.isNaN(ratio) ||
      (facts.ci !== null && facts.ci.low > facts.threshold));
  if (clear) reasons.push('primary_metric_clear');
  const guardFails = (['invariants_pass', 'spectral_stable', 'rmt_stable'] as const).some(
    (gate) => facts.gates[gate] === 'fail',
  );
  if (guardFails || clear) return { triage: 'FAIL', reasons };
  const pass = facts.overallPass === true && reasons.length === 0;
  return { triage: pass ? 'PASS' : 'REVIEW', reasons };
}

/** Per edit: FAIL if any run fails, PASS if every planned run passes, else REVIEW; null before the first certificate. */
export function triageOfRuns(runs: readonly (Triage | null)[]): Triage | null {
  if (runs.includes('FAIL')) return 'FAIL';
  if (runs.every((run) => run === null)) return null;
  return runs.every((run) => run === 'PASS') ? 'PASS' : 'REVIEW';
}
