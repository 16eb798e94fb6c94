// The finding and the labels behind it, as final_verdict.json has them.
import { z } from 'zod';
import type { Analysis } from '../analysis/analyse.js';
import type { EditResult, ErrorResult } from '../analysis/variants.js';
import { rateJson, rateSchema } from './parts.js';
import { findingSentence } from './text/finding-text.js';

const count = z.int().min(0);
const fraction = z.number().min(0).max(1);

export const findingSchema = z.strictObject({
  status: z.enum(['SUPPORTED', 'REFUTED', 'INSUFFICIENT', 'NOT_ASSESSABLE']).describe('docs/method.md'),
  sentence: z.string(),
  reasons: z.array(z.string()),
  would_settle: z.array(z.string()),
  sensitivity: rateSchema.describe('Harmful edits flagged'),
  specificity: rateSchema.describe('Harmless edits left alone'),
  error_detection: rateSchema.describe('Errors shown harmful by their answers, flagged'),
  non_finite_detection: rateSchema.describe(
    'Errors with NaN or Inf, or that cannot be loaded, flagged; in no limit',
  ),
  coverage: z.strictObject({
    decided: count.describe('Edits with a label other than undecided and a judgement'),
    of: count.describe('All planned edits'),
    undecided: count,
    unlabelled: count,
    unjudged: count,
  }),
  accuracy: z.strictObject({
    decided: rateSchema,
    all_undecided_right: fraction.nullable(),
    all_undecided_wrong: fraction.nullable(),
  }),
  margins: z.strictObject({ overall: z.number(), per_benchmark: z.number() }).describe('Fractions of 1'),
});

export function findingJson(analysis: Analysis): z.infer<typeof findingSchema> {
  const { finding, margins } = analysis;
  return {
    status: finding.status,
    sentence: findingSentence(analysis),
    reasons: finding.reasons,
    would_settle: finding.settling,
    sensitivity: rateJson(finding.sensitivity),
    specificity: rateJson(finding.specificity),
    error_detection: rateJson(finding.errorDetection),
    non_finite_detection: rateJson(finding.nonFiniteDetection),
    coverage: finding.coverage,
    accuracy: {
      decided: rateJson(finding.accuracy.decided),
      all_undecided_right: finding.accuracy.undecidedRight,
      all_undecided_wrong: finding.accuracy.undecidedWrong,
    },
    margins: { overall: margins.overall, per_benchmark: margins.perBenchmark },
  };
}

export const labelSchema = z.strictObject({
  name: z.string().describe('`<model>/<variant>`'),
  label: z.enum(['harmful', 'harmless', 'undecided']).nullable(),
  no_label: z.string().nullable().describe('Why there is none'),
  decided_by: z
    .strictObject({
      test: z.enum(['non_finite', 'unloadable', 'drop', 'margin']),
      benchmark: z.string().nullable().describe('Null: the mean of all'),
      p: fraction.nullable(),
    })
    .nullable(),
  flagged: z.boolean().nullable().describe('By most runs'),
  non_finite: z.boolean(),
  reference_label: z
    .enum(['regression', 'no_regression'])
    .nullable()
    .describe("The original rule's; null of an error"),
});

export function labelJson(variant: EditResult | ErrorResult): z.infer<typeof labelSchema> {
  const { label } = variant;
  const unloadable = 'unloadable' in variant && variant.unloadable;
  const regression = 'regression' in variant ? variant.regression : null;
  return {
    name: `${variant.model}/${variant.variant}`,
    label: label.ok ? label.value.label : unloadable ? 'harmful' : null,
    no_label: label.ok || unloadable ? null : label.reason,
    decided_by: label.ok
      ? label.value.decidedBy
      : unloadable
        ? { test: 'unloadable', benchmark: null, p: null }
        : null,
    flagged: variant.judged,
    non_finite:
      ('nonFinite' in variant && variant.nonFinite) ||
      (label.ok && label.value.decidedBy.test === 'non_finite'),
    reference_label: regression === null ? null : regression ? 'regression' : 'no_regression',
  };
}
