// The analysis: a pure function from the plan and the files of the output tree to everything the verdict says.
import type { Triage } from './certificates/certificate.js';
import type { FinishedCount } from '../../execution/records/cell-states.js';
import type { Guard } from '../../suite/model/suite.js';
import { guardsNotRun } from './certificates/gates.js';
import { type CertificateRow, certificateRows } from './certificates/rows.js';
import { confusion, type Confusion, rate, type Rate } from './statistics/confusion.js';
import { type EvaluationRow, evaluationRows } from './evaluations.js';
import { type Files, type Missing, parseFile } from '../read/files.js';
import { type Finding, findingOf } from './ground-truth/finding.js';
import { DEFAULT_MARGINS, type Margins } from './ground-truth/label.js';
import { variantLabels } from './ground-truth/variant-labels.js';
import { guardRates, type GuardRates } from './guard-rates.js';
import { type Beyond, beyondThreshold } from './judge-results/beyond.js';
import { judgeResults, type JudgeResult } from './judge-results/results.js';
import { measuredVariants, missingMeasurements } from './measured.js';
import { type MergedEvaluation, mergeEvaluations } from './merge.js';
import { moreRuns, type MoreRuns } from './more-runs.js';
import { nullRuns, type NullRuns } from './null-runs.js';
import { compare } from '../../base/compare.js';
import { quantizedVariants, type QuantizedVariant } from './quantized.js';
import { type ExpectedCalibration, expectedResults, type VerdictPlan } from '../read/expected.js';
import { type CellKnowledge, finishedParts } from '../read/receipts.js';
import { type CalibrationStats, calibrationStatsSchema } from '../read/schema.js';
import { confidenceScore, type ConfidenceScore, pearson } from './statistics/statistics.js';
import { type EditResult, editResults, type ErrorResult, errorResults, judgedVariants } from './variants.js';
import { decide, type Phase0Verdict } from './verdict.js';

export interface Analysis {
  suite: string;
  models: string[];
  /** How InvarLock did against the labels; provisional until nothing is missing. */
  finding: Finding;
  /** Those of the labels. */
  margins: Margins;
  /**
   * Nothing is missing, unless a judge beside InvarLock alone reads it. Only then is `phase0` the verdict; before, it is
   * provisional.
   */
  complete: boolean;
  phase0: Phase0Verdict;
  cells: FinishedCount;
  /** Ids of cells whose results stand, while their last attempt failed. */
  failedAgain: string[];
  missing: Missing[];
  evaluations: EvaluationRow[];
  certificates: CertificateRow[];
  merged: MergedEvaluation[];
  edits: EditResult[];
  errors: ErrorResult[];
  /** Over edits; calibrations and errors stay out. */
  confusion: Confusion;
  errorDetection: Rate;
  /** Pearson's r of mean Δaccuracy against the logarithm of the mean PM ratio, over edits that have both. */
  correlation: { r: number | null; points: number };
  confidence: ConfidenceScore;
  triage: Record<Triage, number>;
  /** The guard orders certificates were asked for (normally one), and what each leaves out. */
  guards: { order: string[]; notRun: Guard[] }[];
  /** What each guard caught, and what it flagged of nothing. */
  guardRates: GuardRates[];
  nulls: NullRuns;
  moreRuns: MoreRuns;
  /** Judges side by side, InvarLock among them, in the order the suite names them. */
  judges: JudgeResult[];
  /** InvarLock beside a threshold of the perplexity ratio. */
  beyond: Beyond;
  /** calibration_stats.json by model; null where there is none that can be read. */
  calibrations: { model: string; stats: CalibrationStats | null }[];
  /** Edits whose checkpoints are quantized, and as what each was taken. */
  quantized: QuantizedVariant[];
}

export function analyse(plan: VerdictPlan, files: Files, known: CellKnowledge = {}): Analysis {
  const expected = expectedResults(plan);
  const finished = finishedParts(expected.parts, files, known);
  const unfinished = new Map(finished.missing.map((one) => [one.path, one]));
  const evaluations = evaluationRows(expected.evaluations, files, unfinished);
  const certificates = certificateRows(expected.certificates, files, unfinished);
  const margins = plan.margins ?? DEFAULT_MARGINS;
  const labels = variantLabels(expected.evaluations, files, unfinished, margins);
  const edits = editResults(plan, evaluations.rows, certificates.rows, labels.of);
  const errors = errorResults(plan, certificates.rows, labels.of);
  const measured = measuredVariants(edits, errors, {
    ...{ labels, margins, files, unfinished },
    ...{ makings: expected.makings, measurements: expected.measurements },
  });
  const table = confusion(edits.map((edit) => edit.category));
  const nulls = nullRuns(certificates.rows);
  const calibrations = readCalibrations(expected.calibrations, files, unfinished);
  const judged = errors.flatMap((error) => error.detected ?? []);
  const errorDetection = rate(judged.filter((detected) => detected).length, judged.length);
  const confidence = confidenceScore({
    tests: table.total,
    errors: errorDetection.of,
    accuracy: table.accuracy.interval,
    f1: table.f1.value,
  });
  const missing = [
    ...finished.missing,
    ...evaluations.missing,
    ...certificates.missing,
    ...calibrations.missing,
    ...labels.missing,
    ...missingMeasurements(expected.measurements, files, unfinished),
  ].sort((a, b) => compare(a.cell, b.cell) || compare(a.path, b.path) || compare(a.detail, b.detail));
  const ofJudges = new Set(expected.judgeCells);
  const points = edits.flatMap((edit) => correlationPoint(edit));
  const models = [...new Set(plan.variants.map((one) => one.model))].sort(compare);
  const phase0 = decide({
    accuracy: table.accuracy.value,
    errorDetection: errorDetection.value,
    injects: errors.length > 0,
    score: confidence.score,
  });
  const judgedModels = new Set([
    ...edits.filter((edit) => edit.category !== 'INCONCLUSIVE').map((edit) => edit.model),
    ...errors.filter((error) => error.detected !== null).map((error) => error.model),
  ]);
  const sample = {
    ...{ tests: table.total, errors: errorDetection.of, models: judgedModels.size },
    ...{ accuracy: table.accuracy.value, f1: table.f1.value },
  };
  return {
    suite: plan.suite,
    models,
    finding: findingOf(judgedVariants(edits, errors)),
    margins,
    complete: missing.every(({ cell }) => ofJudges.has(cell)),
    phase0,
    cells: finished.cells,
    failedAgain: finished.failedAgain,
    missing,
    evaluations: evaluations.rows,
    certificates: certificates.rows,
    merged: mergeEvaluations(expected.evaluations, evaluations.read),
    edits,
    errors,
    confusion: table,
    errorDetection,
    correlation: { r: pearson(points), points: points.length },
    confidence,
    triage: countTriage(edits),
    guards: guardOrders(certificates.rows),
    guardRates: guardRates(edits, errors, nulls.models),
    nulls,
    moreRuns: moreRuns(sample, phase0, confidence),
    judges: judgeResults(measured, plan.judges),
    beyond: beyondThreshold(measured, certificates.rows),
    calibrations: calibrations.rows,
    quantized: quantizedVariants(plan),
  };
}

function readCalibrations(
  expected: readonly ExpectedCalibration[],
  files: Files,
  unfinished: ReadonlyMap<string, Missing>,
): { rows: Analysis['calibrations']; missing: Missing[] } {
  const missing: Missing[] = [];
  const rows = expected.map(({ model, cell, path, receipt }) => {
    if (unfinished.has(receipt)) return { model, stats: null };
    const parsed = parseFile(files, path, calibrationStatsSchema);
    if (parsed.ok) return { model, stats: parsed.value };
    missing.push({ cell, path, reason: parsed.reason, detail: parsed.detail });
    return { model, stats: null };
  });
  return { rows, missing };
}

function correlationPoint(edit: EditResult): [number, number][] {
  if (edit.meanDelta === null || edit.meanRatio === null || edit.meanRatio <= 0) return [];
  return [[edit.meanDelta, Math.log(edit.meanRatio)]];
}

function countTriage(edits: readonly EditResult[]): Record<Triage, number> {
  const counts = { PASS: 0, REVIEW: 0, FAIL: 0 };
  for (const { triage } of edits) if (triage !== null) counts[triage] += 1;
  return counts;
}

function guardOrders(rows: readonly CertificateRow[]): Analysis['guards'] {
  const orders = new Map(rows.map((row) => [row.guards.join(','), row.guards]));
  return [...orders]
    .sort(([a], [b]) => compare(a, b))
    .map(([, order]) => ({ order, notRun: guardsNotRun(order) }));
}
