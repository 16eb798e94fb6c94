// Rows of runs and benchmarks gathered into one result an edit and one an error.
import { type Triage, triageOfRuns } from './certificates/certificate.js';
import type { CertificateRow } from './certificates/rows.js';
import { categorise, type Category } from './statistics/confusion.js';
import type { EvaluationRow } from './evaluations.js';
import { compareVariants, type PlannedVariant, type VerdictPlan } from '../read/expected.js';
import { mean } from './statistics/statistics.js';
import { anyOf, type Tri } from './statistics/tri.js';

export interface EditResult extends PlannedVariant {
  category: Category;
  /** Any benchmark dropped by more than noise. */
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

export interface ErrorResult extends PlannedVariant {
  /** all_pass or invariants_pass is false in any run, or the model was refused. */
  detected: Tri;
  triage: Triage | null;
  runs: CertificateRow[];
}

export function editResults(
  plan: VerdictPlan,
  evaluations: readonly EvaluationRow[],
  certificates: readonly CertificateRow[],
): EditResult[] {
  const scoresOf = byVariant(evaluations);
  const runsOf = byVariant(certificates);
  return ofClass(plan, ['clean', 'stress']).map((variant) => {
    const scores = scoresOf(variant);
    const runs = runsOf(variant);
    const regression = anyOf(scores.map((row) => row.regression));
    const flagged = anyOf(runs.map((row) => row.flagged));
    const deltas = scores.flatMap((row) => row.delta ?? []);
    return {
      ...variant,
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

export function errorResults(plan: VerdictPlan, certificates: readonly CertificateRow[]): ErrorResult[] {
  const runsOf = byVariant(certificates);
  return ofClass(plan, ['error']).map((variant) => {
    const runs = runsOf(variant);
    // all_pass is false whenever invariants_pass is, so `flagged` covers both.
    const detected = anyOf(runs.map((row) => row.flagged));
    return { ...variant, detected, triage: triageOfRuns(runs.map((row) => row.triage)), runs };
  });
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
