// Rows of runs and benchmarks gathered into one result an edit and one an error: label, judgement, original rule.
import type { JudgedVariant } from './ground-truth/finding.js';
import type { VariantLabel } from './ground-truth/variant-labels.js';
import { majority } from './judge/repeats.js';
import { type Triage, triageOfRuns } from './certificates/certificate.js';
import type { CertificateRow } from './certificates/rows.js';
import { categorise, type Category } from './statistics/confusion.js';
import type { EvaluationRow } from './evaluations.js';
import { compareVariants, type PlannedVariant, type VerdictPlan } from '../read/expected.js';
import { mean } from './statistics/statistics.js';
import { anyOf, type Tri } from './statistics/tri.js';

/** How a judgement stands to a label; `undecided` and `unlabelled` say that there is no label, `unjudged` no judgement. */
export type Standing =
  'caught' | 'missed' | 'left_alone' | 'false_alarm' | 'undecided' | 'unlabelled' | 'unjudged';

interface Compared {
  label: VariantLabel;
  /** InvarLock's judgement: that of most runs. */
  judged: Tri;
  standing: Standing;
}

export interface EditResult extends PlannedVariant, Compared {
  /** The original rule's, as the next two. */
  category: Category;
  /** Any benchmark's accuracy dropped by more than 2·√(p(1−p)/n). */
  regression: Tri;
  /** Any run has all_pass false, or was refused. */
  flagged: Tri;
  triage: Triage | null;
  /** Mean over benchmarks of accuracy − baseline's; null unless all are there. Fraction of 1. */
  meanDelta: number | null;
  /** Mean over runs of the ratio to the baseline's perplexity; repeats of one run count once. */
  meanRatio: number | null;
  evaluations: EvaluationRow[];
  runs: CertificateRow[];
}

export interface ErrorResult extends PlannedVariant, Compared {
  /** Its weights are NaN or Inf, or its answers were no finite numbers. */
  nonFinite: boolean;
  /** Its files are not the model, so nothing can load it whole: harmful by what it is, as the above. */
  unloadable: boolean;
  /** The original rule's: all_pass or invariants_pass is false in any run, or the model was refused. */
  detected: Tri;
  triage: Triage | null;
  runs: CertificateRow[];
}

export function editResults(
  plan: VerdictPlan,
  evaluations: readonly EvaluationRow[],
  certificates: readonly CertificateRow[],
  labelOf: (variant: PlannedVariant) => VariantLabel,
): EditResult[] {
  const scoresOf = byVariant(evaluations);
  const runsOf = byVariant(certificates);
  return ofClass(plan, ['clean', 'stress', 'ladder']).map((variant) => {
    const scores = scoresOf(variant);
    const runs = runsOf(variant);
    const regression = anyOf(scores.map((row) => row.regression));
    const flagged = anyOf(runs.map((row) => row.flagged));
    const deltas = scores.flatMap((row) => row.delta ?? []);
    return {
      ...variant,
      ...compared(labelOf(variant), runs),
      category: categorise(regression, flagged),
      regression,
      flagged,
      triage: triageOfRuns(runs.map((row) => row.triage)),
      meanDelta: deltas.length > 0 && deltas.length === scores.length ? mean(deltas) : null,
      meanRatio: meanRatio(runs),
      evaluations: scores,
      runs,
    };
  });
}

/** Whose weights hold NaN or Inf: harmful by what they are, and not evaluated. */
const NON_FINITE_ERRORS: readonly string[] = ['error_nan_injection', 'error_inf_injection'];

export function errorResults(
  plan: VerdictPlan,
  certificates: readonly CertificateRow[],
  labelOf: (variant: PlannedVariant) => VariantLabel,
): ErrorResult[] {
  const runsOf = byVariant(certificates);
  return ofClass(plan, ['error']).map((variant) => {
    const runs = runsOf(variant);
    // all_pass is false whenever invariants_pass is, so `flagged` covers both.
    const detected = anyOf(runs.map((row) => row.flagged));
    const label = labelOf(variant);
    const nonFinite =
      NON_FINITE_ERRORS.includes(variant.variant) ||
      (label.ok && label.value.decidedBy.test === 'non_finite');
    return {
      ...variant,
      ...compared(label, runs),
      nonFinite,
      unloadable: isUnloadable(label),
      detected,
      triage: triageOfRuns(runs.map((row) => row.triage)),
      runs,
    };
  });
}

function compared(label: VariantLabel, runs: readonly CertificateRow[]): Compared {
  const judged = majority(runs);
  return { label, judged, standing: standingOf(label, judged) };
}

function isUnloadable(label: VariantLabel): boolean {
  return !label.ok && label.unloadable !== undefined;
}

function standingOf(label: VariantLabel, judged: Tri): Standing {
  if (isUnloadable(label) && judged !== null) return judged ? 'caught' : 'missed';
  if (!label.ok) return isUnloadable(label) ? 'unjudged' : 'unlabelled';
  if (label.value.label === 'undecided') return 'undecided';
  if (judged === null) return 'unjudged';
  if (label.value.label === 'harmful') return judged ? 'caught' : 'missed';
  return judged ? 'false_alarm' : 'left_alone';
}

/** What the finding is made of. */
export function judgedVariants(
  edits: readonly EditResult[],
  errors: readonly ErrorResult[],
): JudgedVariant[] {
  const of = ({
    model,
    label,
    judged,
  }: EditResult | ErrorResult): Omit<JudgedVariant, 'kind' | 'byDefinition'> => ({
    model,
    label: label.ok ? label.value.label : null,
    flagged: judged,
  });
  return [
    ...edits.map((edit) => ({ ...of(edit), kind: 'edit' as const, byDefinition: false })),
    ...errors.map((error) => ({
      ...of(error),
      kind: 'error' as const,
      byDefinition: error.nonFinite || error.unloadable,
    })),
  ];
}

/** Mean of the finite ratios, one a distinct measurement: the first readable of the runs that repeat each other. */
function meanRatio(runs: readonly CertificateRow[]): number | null {
  const first = new Map<number, number>();
  for (const row of runs) {
    const ratio = row.judgement?.pm.ratio ?? null;
    const measurement = row.repeats ?? row.run;
    if (ratio !== null && Number.isFinite(ratio) && !first.has(measurement)) first.set(measurement, ratio);
  }
  return first.size === 0 ? null : mean([...first.values()]);
}

function ofClass(plan: VerdictPlan, classes: readonly PlannedVariant['class'][]): PlannedVariant[] {
  return plan.variants
    .filter((one) => classes.includes(one.class))
    .map(({ model, variant, class: ofVariant }) => ({ model, variant, class: ofVariant }))
    .sort(compareVariants);
}

/** Rows of a variant, in their order. */
function byVariant<Row extends PlannedVariant>(rows: readonly Row[]): (variant: PlannedVariant) => Row[] {
  const key = ({ model, variant }: PlannedVariant): string => `${model}\0${variant}`;
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const group = groups.get(key(row));
    if (group === undefined) groups.set(key(row), [row]);
    else group.push(row);
  }
  return (variant) => groups.get(key(variant)) ?? [];
}
