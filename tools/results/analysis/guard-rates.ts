// What each guard caught and what it flagged of nothing, with what it compared with: evidence about edits only where
// that was the baseline.
import type { Gate } from './certificates/gates.js';
import type { CertificateRow } from './certificates/rows.js';
import { comparedInAll, type ComparedWith, type GatedGuard } from './certificates/compared-with.js';
import { gateFlag, mostOf } from './judge/gate-flag.js';
import { exactRate } from './ground-truth/intervals.js';
import type { Rate } from './statistics/confusion.js';
import type { NullResult } from './null-runs.js';
import type { Tri } from './statistics/tri.js';
import type { EditResult, ErrorResult } from './variants.js';

/** The gates of all_pass, and the refusal of a model, which needs no gate. */
export const DETECTORS = [
  'invariants_pass',
  'primary_metric_acceptable',
  'spectral_stable',
  'rmt_stable',
  'refusal',
] as const;
export type Detector = (typeof DETECTORS)[number];

export const DETECTOR_NAMES: Record<Detector, string> = {
  invariants_pass: 'invariants',
  primary_metric_acceptable: 'primary metric',
  spectral_stable: 'spectral',
  rmt_stable: 'rmt',
  refusal: 'refused to run',
};

const GUARDS_OF: Partial<Record<Detector, GatedGuard>> = {
  invariants_pass: 'invariants',
  spectral_stable: 'spectral',
  rmt_stable: 'rmt',
};

/**
 * Of one detector alone, the majority of its runs. A variant whose flag is missing, or whose guard is not in the order, is in
 * no rate.
 */
export interface GuardRates {
  detector: Detector;
  /** Null of a refusal, and before there is a certificate. */
  comparedWith: ComparedWith | null;
  /** Harmful edits: how many of them it flagged. */
  detection: Rate;
  /** Harmless edits: how many of them it flagged. */
  falseAlarms: Rate;
  /** Injected errors. */
  errors: Rate;
  /** Null runs, one a run. */
  nulls: Rate;
  caught: { edits: string[]; errors: string[] };
  falseAlarmNames: string[];
  /** Edits and errors that this detector alone flagged. */
  alone: string[];
}

interface Judged {
  name: string;
  flags: Record<Detector, Tri | undefined>;
}

export function guardRates(
  edits: readonly EditResult[],
  errors: readonly ErrorResult[],
  nulls: readonly NullResult[],
): GuardRates[] {
  const judged = (variant: EditResult | ErrorResult): Judged => ({
    name: `${variant.model}/${variant.variant}`,
    flags: flagsOf(variant.runs),
  });
  const harmful = edits.filter(({ label }) => label.ok && label.value.label === 'harmful').map(judged);
  const harmless = edits.filter(({ label }) => label.ok && label.value.label === 'harmless').map(judged);
  const injected = errors.map(judged);
  const runs = nulls.flatMap((one) =>
    one.runs.filter((run) => run.repeats === null).map((run) => ({ name: '', flags: flagsOf([run]) })),
  );
  return DETECTORS.map((detector) => {
    const flagged = (ones: readonly Judged[]): string[] =>
      ones.filter(({ flags }) => flags[detector] === true).map(({ name }) => name);
    const share = (ones: readonly Judged[]): Rate =>
      exactRate(
        flagged(ones).length,
        ones.filter(({ flags }) => typeof flags[detector] === 'boolean').length,
      );
    const alone = [...harmful, ...harmless, ...injected].filter(({ flags }) =>
      DETECTORS.every((other) => (flags[other] === true) === (other === detector)),
    );
    return {
      detector,
      comparedWith: comparedBy(detector, [...edits, ...errors]),
      detection: share(harmful),
      falseAlarms: share(harmless),
      errors: share(injected),
      nulls: share(runs),
      caught: { edits: flagged(harmful), errors: flagged(injected) },
      falseAlarmNames: flagged(harmless),
      alone: alone.map(({ name }) => name),
    };
  });
}

function comparedBy(
  detector: Detector,
  variants: readonly (EditResult | ErrorResult)[],
): ComparedWith | null {
  const guard = GUARDS_OF[detector];
  const judgements = variants.flatMap(({ runs }) => runs.flatMap(({ judgement }) => judgement ?? []));
  if (judgements.length === 0 || detector === 'refusal') return null;
  if (guard === undefined) return 'baseline';
  return comparedInAll(judgements.map(({ comparedWith }) => comparedWith[guard]));
}

/** Undefined: the guard was not to run. */
function flagsOf(all: readonly CertificateRow[]): Record<Detector, Tri | undefined> {
  const runs = all.filter(({ repeats }) => repeats === null);
  const ofGate = (gate: Gate): Tri | undefined => gateFlag(runs, gate);
  return {
    invariants_pass: ofGate('invariants_pass'),
    primary_metric_acceptable: ofGate('primary_metric_acceptable'),
    spectral_stable: ofGate('spectral_stable'),
    rmt_stable: ofGate('rmt_stable'),
    refusal: mostOf(
      runs.map(({ state }) => (state === 'refused' ? true : state === 'certified' ? false : null)),
    ),
  };
}
