// reports/final_verdict.json: the verdict for machines. Its keys are described in docs/results.md and its schema.
import { z } from 'zod';
import type { Analysis } from '../analysis/analyse.js';
import { DETECTORS } from '../analysis/guard-rates.js';
import type { EditResult } from '../analysis/variants.js';
import { findingJson, findingSchema, labelJson, labelSchema } from './finding.js';
import { beyondJson, beyondSchema } from './judges.js';
import { MISSING_REASONS } from './tables/eval-results.js';
import {
  countsSchema,
  errorNames,
  errorNamesSchema,
  interval,
  intervalSchema,
  json,
  metrics,
  metricsSchema,
  names,
  rateJson,
  rateSchema,
  triageSchema,
} from './parts.js';

const phase0 = z.enum(['PHASE0_VALIDATED', 'PHASE0_FAILED']);
const verdictConfidence = z.enum(['HIGH', 'MEDIUM', 'LOW']);
const count = z.int().min(0);
const points = z.number().min(0).max(25);
const orNull = z.number().nullable();

const namedSchema = z.strictObject({
  name: z.string().describe('`<model>/<variant>`'),
  triage: triageSchema,
  pm_ratios: z.array(orNull).describe('A run each; null where it is not a finite number'),
  pm_margins: z.array(orNull).describe('Threshold − ratio, a run each'),
  accuracy_changes: z.record(
    z.string(),
    z.strictObject({
      baseline: orNull,
      accuracy: orNull,
      delta: orNull,
      limit: orNull.describe('The largest drop that is still noise'),
      regression: z.boolean().nullable(),
    }),
  ),
});

const guardSchema = z.strictObject({
  guard: z.enum(DETECTORS),
  compared_with: z
    .enum(['baseline', 'itself', 'not_run', 'nothing', 'unknown'])
    .nullable()
    .describe('Only `baseline` makes its rates evidence about edits'),
  detection: rateSchema.describe('Of the harmful edits'),
  false_alarms: rateSchema.describe('Of the harmless edits'),
  errors: rateSchema.describe('Of the injected errors'),
  null_runs: rateSchema.describe('Of the null runs'),
  caught: z.strictObject({ edits: names, errors: names }),
  false_alarm_names: names,
  alone: names.describe('Flagged by this guard and by no other'),
});

export const verdictSchema = z
  .strictObject({
    schema: z.literal(2),
    suite: z.string(),
    complete: z.boolean().describe('Nothing is missing; only then is there a verdict'),
    finding: findingSchema,
    beyond_a_threshold: beyondSchema.describe('What InvarLock adds beyond a threshold of the ratio'),
    labels: z.array(labelSchema),
    verdict: z
      .enum([...phase0.options, 'INCOMPLETE'])
      .describe(
        'The original rule, as are all keys from here to total_errors except guard_rates and missing',
      ),
    verdict_confidence: verdictConfidence.nullable().describe('Null unless complete'),
    phase0_pass: z.boolean().describe('True only for a complete PHASE0_VALIDATED'),
    unmet: z.array(z.string()).describe('Requirements that are not met, as sentences'),
    provisional: z
      .strictObject({ verdict: phase0, confidence: verdictConfidence })
      .nullable()
      .describe('What the results there are would say; null when complete'),
    cells: z.strictObject({ total: count, finished: count }),
    metrics: metricsSchema,
    intervals_95: z.strictObject({
      accuracy: intervalSchema,
      precision: intervalSchema,
      recall: intervalSchema,
      specificity: intervalSchema,
      f1_score: intervalSchema,
      error_detection_rate: intervalSchema,
    }),
    confusion: countsSchema,
    confidence: z.strictObject({
      score: z.number().min(0).max(100),
      parts: z.strictObject({ samples: points, errors: points, accuracy: points, balance: points }),
    }),
    more_runs: z
      .strictObject({
        target: verdictConfidence.nullable(),
        needed: orNull,
        ways: z.array(
          z.strictObject({ what: z.enum(['models', 'edits', 'errors']), add: count, score: z.number() }),
        ),
        ceiling: z.number().describe('75 + 25·F1: what any number of runs with these rates can bring'),
        obstacles: z.array(z.string()),
      })
      .describe('What more judged edits, errors or models like these would buy; target null: nothing'),
    triage: z.strictObject({ pass: count, review: count, fail: count }),
    correlation: z.strictObject({ r: orNull, points: count }),
    error_detection: errorNamesSchema,
    false_negatives: z.array(namedSchema),
    false_alarms: z.array(namedSchema),
    inconclusive: z.array(namedSchema),
    guards: z.array(z.strictObject({ order: z.array(z.string()), not_run: z.array(z.string()) })),
    guard_rates: z.array(guardSchema),
    null_runs: z.strictObject({
      false_alarms: rateSchema,
      largest_ratio_shift: orNull,
      flagged: z.array(z.string()).describe('`<model>/run_<k>`'),
    }),
    missing: z.array(
      z.strictObject({
        cell: z.string(),
        path: z.string(),
        reason: z.enum(MISSING_REASONS),
        detail: z.string(),
      }),
    ),
    unmerged: z.array(z.strictObject({ path: z.string(), waiting_for: z.array(z.string()) })),
    models_tested: count,
    total_tests: count.describe('Judged edits'),
    total_errors: count.describe('Judged errors'),
  })
  .describe('reports/final_verdict.json: the verdict of a suite.');

export function verdictJson(analysis: Analysis): string {
  const { complete, phase0: verdict, confusion, confidence, moreRuns, nulls } = analysis;
  const value: z.infer<typeof verdictSchema> = {
    schema: 2,
    suite: analysis.suite,
    complete,
    finding: findingJson(analysis),
    beyond_a_threshold: beyondJson(analysis),
    labels: [...analysis.edits, ...analysis.errors].map(labelJson),
    verdict: complete ? verdict.verdict : 'INCOMPLETE',
    verdict_confidence: complete ? verdict.confidence : null,
    phase0_pass: complete && verdict.verdict === 'PHASE0_VALIDATED',
    unmet: verdict.unmet,
    provisional: complete ? null : { verdict: verdict.verdict, confidence: verdict.confidence },
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
    confidence: { score: confidence.score, parts: confidence.parts },
    more_runs: moreRuns,
    triage: { pass: analysis.triage.PASS, review: analysis.triage.REVIEW, fail: analysis.triage.FAIL },
    correlation: analysis.correlation,
    error_detection: errorNames(analysis.errors),
    false_negatives: named(analysis, 'FALSE_NEGATIVE'),
    false_alarms: named(analysis, 'FALSE_POSITIVE'),
    inconclusive: named(analysis, 'INCONCLUSIVE'),
    guards: analysis.guards.map(({ order, notRun }) => ({ order, not_run: notRun })),
    guard_rates: analysis.guardRates.map((one) => ({
      guard: one.detector,
      compared_with: one.comparedWith,
      detection: rateJson(one.detection),
      false_alarms: rateJson(one.falseAlarms),
      errors: rateJson(one.errors),
      null_runs: rateJson(one.nulls),
      caught: one.caught,
      false_alarm_names: one.falseAlarmNames,
      alone: one.alone,
    })),
    null_runs: {
      false_alarms: rateJson(nulls.falseAlarms),
      largest_ratio_shift: nulls.largestShift,
      flagged: nulls.models.flatMap(({ model, runs }) =>
        runs.filter(({ flagged }) => flagged === true).map(({ run }) => `${model}/run_${run}`),
      ),
    },
    missing: analysis.missing,
    unmerged: analysis.merged
      .filter((one) => one.value === null)
      .map((one) => ({ path: one.path, waiting_for: one.waitingFor })),
    models_tested: analysis.models.length,
    total_tests: confusion.total,
    total_errors: analysis.errorDetection.of,
  };
  return json(value);
}

function named(analysis: Analysis, category: EditResult['category']): z.infer<typeof namedSchema>[] {
  return analysis.edits
    .filter((edit) => edit.category === category)
    .map((edit) => ({
      name: `${edit.model}/${edit.variant}`,
      triage: edit.triage,
      pm_ratios: edit.runs.map((run) => run.judgement?.pm.ratio ?? null),
      pm_margins: edit.runs.map((run) => run.judgement?.margins.ratio ?? null),
      accuracy_changes: Object.fromEntries(
        edit.evaluations.map(({ benchmark, baseline, accuracy, delta, limit, regression }) => [
          benchmark,
          { baseline, accuracy, delta, limit, regression },
        ]),
      ),
    }));
}
