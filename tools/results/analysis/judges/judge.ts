// What a judge is: it says of one variant that it is flagged or passed, with a score, its distance to the limit, and why.
import type { CellKind } from '../../../suite/model/cell.js';
import type { JoinedBenchmark } from '../ground-truth/pairs.js';
import type { CertificateRow } from '../certificates/rows.js';
import type { PlannedVariant } from '../../read/expected.js';
import type { ComparisonFile, GuardsFile, Outcome012 } from '../../read/schema.js';

/** All that a judge may look at. None of it is what the labels of its comparison are made of. */
export interface Subject extends PlannedVariant {
  /** InvarLock's certificates of it, also those that are missing. */
  runs: readonly CertificateRow[];
  /** Its answers beside the baseline's, to the judges' half of the items; null where it was not evaluated. */
  answers: readonly JoinedBenchmark[] | null;
  /** ‖ΔW‖ ÷ ‖W‖ over the matrices that an edit or error changed, as its cell recorded it; infinite beside NaN or Inf. */
  weightError: number | null;
  /** What its guards said when they were prepared on the true baseline; why there is nothing, where no one asked them. */
  trueBaseline: Measurement<GuardsFile>;
  /** What InvarLock 0.17 says of the judges' half of its answers, in a suite that asks it. */
  comparison: Measurement<ComparisonFile>;
  /** What InvarLock 0.12 says of it, in a suite that asks it. */
  outcome012: Measurement<Outcome012>;
}

export type Measurement<T> = { ok: true; value: T } | { ok: false; because: string };

export interface JudgeAnswer {
  judgement: 'flagged' | 'passed' | 'undecided';
  /** Higher is worse; infinite where nothing can be worse. Null of an undecided variant. */
  score: number | null;
  /** How far the score lies below the judge's limit; below 0 it is flagged. Null where there is no limit. */
  margin: number | null;
  /** In a few words. */
  because: string;
}

export interface Judge {
  /** As the results have it; a judge with several limits has a name for each. */
  name: string;
  /** When it flags. */
  rule: string;
  /** Whether it looks at outcomes: it then gets one half of the items, and is measured against labels of the other. */
  readsOutcomes: boolean;
  /** Kinds of cells whose results it reads: what they took is its cost. */
  reads: readonly CellKind[];
  judge: (subject: Subject) => JudgeAnswer;
}

export function undecided(because: string): JudgeAnswer {
  return { judgement: 'undecided', score: null, margin: null, because };
}

/** Flagged above the limit; a score that is no number is above any. */
export function against(limit: number, score: number, because: string): JudgeAnswer {
  const sure = Number.isNaN(score) ? Infinity : score;
  return {
    judgement: sure > limit ? 'flagged' : 'passed',
    score: sure,
    margin: limit - sure,
    because,
  };
}
