// What each guard caught and what it flagged of nothing: rates a guard, each with its interval, and the names behind them.
import type { Gate } from './certificates/gates.js';
import type { CertificateRow } from './certificates/rows.js';
import { rate, type Rate } from './statistics/confusion.js';
import type { NullResult } from './null-runs.js';
import { anyOf, type Tri } from './statistics/tri.js';
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

/** Of one detector alone. A variant whose flag is missing in every run, or whose guard is not in the order, is in no rate. */
export interface GuardRates {
  detector: Detector;
  /** Edits that hurt: how many of them it flagged in some run. */
  detection: Rate;
  /** Edits that did not hurt: how many of them it flagged. */
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
  const harmful = edits.filter((edit) => edit.regression === true).map(judged);
  const harmless = edits.filter((edit) => edit.regression === false).map(judged);
  const injected = errors.map(judged);
  const runs = nulls.flatMap((one) =>
    one.runs.filter((run) => run.repeats === null).map((run) => ({ name: '', flags: flagsOf([run]) })),
  );
  return DETECTORS.map((detector) => {
    const flagged = (ones: readonly Judged[]): string[] =>
      ones.filter(({ flags }) => flags[detector] === true).map(({ name }) => name);
    const share = (ones: readonly Judged[]): Rate =>
      rate(flagged(ones).length, ones.filter(({ flags }) => typeof flags[detector] === 'boolean').length);
    const alone = [...harmful, ...harmless, ...injected].filter(({ flags }) =>
      DETECTORS.every((other) => (flags[other] === true) === (other === detector)),
    );
    return {
      detector,
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

/** Undefined: the guard was not to run. */
function flagsOf(runs: readonly CertificateRow[]): Record<Detector, Tri | undefined> {
  const ofGate = (gate: Gate): Tri | undefined => {
    const statuses = runs.map(({ judgement }) => judgement?.gates[gate] ?? 'missing');
    if (statuses.every((status) => status === 'not_run' || status === 'not_evaluated')) return undefined;
    return anyOf(statuses.map((status) => (status === 'fail' ? true : status === 'pass' ? false : null)));
  };
  return {
    invariants_pass: ofGate('invariants_pass'),
    primary_metric_acceptable: ofGate('primary_metric_acceptable'),
    spectral_stable: ofGate('spectral_stable'),
    rmt_stable: ofGate('rmt_stable'),
    refusal: anyOf(
      runs.map(({ state }) => (state === 'refused' ? true : state === 'certified' ? false : null)),
    ),
  };
}
