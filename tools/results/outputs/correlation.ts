// analysis/correlation_analysis.json: edits by model, error detection, correlation, summary.
import { z } from 'zod';
import type { Analysis } from '../analysis/analyse.js';
import type { EditResult } from '../analysis/variants.js';
import {
  categorySchema,
  countsSchema,
  errorNames,
  errorNamesSchema,
  json,
  metrics,
  metricsSchema,
  triageSchema,
} from './parts.js';

const editSchema = z.strictObject({
  category: categorySchema,
  class: z.enum(['clean', 'stress', 'ladder']),
  label: z
    .enum(['harmful', 'harmless', 'undecided'])
    .nullable()
    .describe('Of the paired outcomes; null without any'),
  judged: z.boolean().nullable().describe('Flagged by most runs'),
  regression: z
    .boolean()
    .nullable()
    .describe("The original rule's label: some accuracy fell by more than its limit; null: not known"),
  flagged: z.boolean().nullable().describe('all_pass is false in some run, or the model was refused'),
  triage: triageSchema,
  mean_delta_eval: z.number().nullable().describe('Mean accuracy change over the benchmarks, fraction of 1'),
  mean_pm_ratio: z.number().nullable().describe("Mean perplexity ratio to the baseline's over distinct runs"),
  runs: z.int().min(0),
  distinct_runs: z.int().min(0),
});

export const correlationSchema = z
  .strictObject({
    suite: z.string(),
    complete: z.boolean(),
    models: z.record(z.string(), z.record(z.string(), editSchema)),
    error_detection: errorNamesSchema,
    pm_correlation: z.strictObject({
      pearson_r_delta_vs_log_pm: z.number().min(-1).max(1).nullable(),
      num_points: z.int().min(0),
    }),
    summary: z.strictObject({
      ...metricsSchema.shape,
      categories: countsSchema,
      confidence_score: z.number().min(0).max(100),
      triage_counts: z.strictObject({ PASS: z.int(), REVIEW: z.int(), FAIL: z.int() }),
      total_tests: z.int().min(0),
      total_errors: z.int().min(0),
      models_tested: z.int().min(0),
    }),
  })
  .describe('analysis/correlation_analysis.json: does InvarLock flag just the edits that cost accuracy?');

export function correlationJson(analysis: Analysis): string {
  const { confusion, confidence } = analysis;
  const value: z.infer<typeof correlationSchema> = {
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
      triage_counts: analysis.triage,
      total_tests: confusion.total,
      total_errors: analysis.errorDetection.of,
      models_tested: analysis.models.length,
    },
  };
  return json(value);
}

function editSummary(edit: EditResult): z.infer<typeof editSchema> {
  return {
    category: edit.category,
    class: edit.class === 'clean' || edit.class === 'ladder' ? edit.class : 'stress',
    label: edit.label.ok ? edit.label.value.label : null,
    judged: edit.judged,
    regression: edit.regression,
    flagged: edit.flagged,
    triage: edit.triage,
    mean_delta_eval: edit.meanDelta,
    mean_pm_ratio: edit.meanRatio,
    runs: edit.runs.length,
    distinct_runs: edit.runs.filter((run) => run.repeats === null).length,
  };
}
