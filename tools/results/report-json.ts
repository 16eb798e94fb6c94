// analysis/correlation_analysis.json and reports/final_verdict.json. Keys are described in docs/results.md.
import type { Analysis } from './analyse.js';
import type { Rate } from './confusion.js';
import type { EditResult, ErrorResult } from './variants.js';
import { compare } from './plan.js';

/** Fixed key order, two blanks, no time: equal analyses give equal bytes. What is not a finite number becomes null. */
function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

export function correlationJson(analysis: Analysis): string {
  const { confusion, confidence } = analysis;
  return json({
    suite: analysis.suite,
    complete: analysis.complete,
    models: Object.fromEntries(
      analysis.models.map((model) => [
        model,
        Object.fromEntries(
          analysis.edits
            .filter((edit) => edit.model === model)
            .map((edit) => [edit.variant, editSummary(edit)]),
        ),
      ]),
    ),
    error_detection: errorNames(analysis.errors),
    pm_correlation: {
      pearson_r_delta_vs_log_pm: analysis.correlation.r,
      num_points: analysis.correlation.points,
    },
    summary: {
      ...metrics(analysis),
      categories: confusion.counts,
      confidence_score: confidence.score,
      confidence_level: confidence.level,
      triage_counts: analysis.triage,
      total_tests: confusion.total,
      total_errors: analysis.errorDetection.of,
      models_tested: analysis.models.length,
    },
  });
}

export function verdictJson(analysis: Analysis): string {
  const { complete, phase0, confusion, confidence } = analysis;
  return json({
    schema: 1,
    suite: analysis.suite,
    complete,
    verdict: complete ? phase0.verdict : 'INCOMPLETE',
    verdict_confidence: complete ? phase0.confidence : null,
    phase0_pass: complete && phase0.verdict === 'PHASE0_VALIDATED',
    unmet: phase0.unmet,
    provisional: complete ? null : { verdict: phase0.verdict, confidence: phase0.confidence },
    cells: analysis.cells,
    metrics: metrics(analysis),
    intervals_95: {
      accuracy: interval(confusion.accuracy),
      precision: interval(confusion.precision),
      recall: interval(confusion.recall),
      specificity: interval(confusion.specificity),
      f1_score: interval(confusion.f1),
      error_detection_rate: interval(analysis.errorDetection),
    },
    confusion: confusion.counts,
    confidence: { score: confidence.score, level: confidence.level, parts: confidence.parts },
    triage: { pass: analysis.triage.PASS, review: analysis.triage.REVIEW, fail: analysis.triage.FAIL },
    correlation: analysis.correlation,
    error_detection: errorNames(analysis.errors),
    false_negatives: named(analysis, 'FALSE_NEGATIVE'),
    false_alarms: named(analysis, 'FALSE_POSITIVE'),
    inconclusive: named(analysis, 'INCONCLUSIVE'),
    guards: analysis.guards.map(({ order, notRun }) => ({ order, not_run: notRun })),
    missing: analysis.missing,
    unmerged: analysis.merged
      .filter((one) => one.value === null)
      .map((one) => ({ path: one.path, waiting_for: one.waitingFor })),
    models_tested: analysis.models.length,
    total_tests: confusion.total,
    total_errors: analysis.errorDetection.of,
  });
}

function metrics({ confusion, errorDetection }: Analysis): Record<string, number | null> {
  return {
    accuracy: confusion.accuracy.value,
    precision: confusion.precision.value,
    recall: confusion.recall.value,
    specificity: confusion.specificity.value,
    f1_score: confusion.f1.value,
    error_detection_rate: errorDetection.value,
  };
}

function interval(rate: Rate): [number, number] {
  return [rate.interval.low, rate.interval.high];
}

function editSummary(edit: EditResult): Record<string, unknown> {
  return {
    category: edit.category,
    class: edit.class,
    regression: edit.regression,
    flagged: edit.flagged,
    triage: edit.triage,
    mean_delta_eval: edit.meanDelta,
    mean_pm_ratio: edit.meanRatio,
    runs: edit.runs.length,
    distinct_runs: edit.runs.filter((run) => run.repeats === null).length,
  };
}

function named(analysis: Analysis, category: EditResult['category']): Record<string, unknown>[] {
  return analysis.edits
    .filter((edit) => edit.category === category)
    .map((edit) => ({
      name: `${edit.model}/${edit.variant}`,
      triage: edit.triage,
      pm_ratios: edit.runs.map((run) => run.judgement?.pm.ratio ?? null),
      accuracy_changes: Object.fromEntries(
        edit.evaluations.map(({ benchmark, baseline, accuracy, delta, limit, regression }) => [
          benchmark,
          { baseline, accuracy, delta, limit, regression },
        ]),
      ),
    }));
}

function errorNames(
  errors: readonly ErrorResult[],
): Record<'detected' | 'missed' | 'inconclusive', string[]> {
  const names = (detected: ErrorResult['detected']): string[] =>
    errors
      .filter((error) => error.detected === detected)
      .map((error) => `${error.model}/${error.variant}`)
      .sort(compare);
  return { detected: names(true), missed: names(false), inconclusive: names(null) };
}
