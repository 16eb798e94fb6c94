// Pieces that verdict and correlation share, with their schemas.
import { z } from 'zod';
import type { Analysis } from '../analysis/analyse.js';
import type { Rate } from '../analysis/statistics/confusion.js';
import { compare } from '../../base/compare.js';
import { plainJson } from '../../base/text/plain-text.js';
import type { ErrorResult } from '../analysis/variants.js';

/** Fixed key order, two blanks, no time: equal analyses give equal bytes. What is not a finite number becomes null. */
export function json(value: unknown): string {
  return `${plainJson(value, 2)}\n`;
}

export const rateValue = z.number().min(0).max(1).nullable();
export const intervalSchema = z
  .tuple([z.number().min(0).max(1), z.number().min(0).max(1)])
  .describe('Wilson 95 %: low and high end; 0 and 1 without a trial');
export const rateSchema = z.strictObject({
  rate: rateValue.describe('hits ÷ of; null without a trial'),
  interval_95: z
    .tuple([z.number().min(0).max(1), z.number().min(0).max(1)])
    .describe(
      'Clopper and Pearson, 0 and 1 without a trial; of the finding over several models no narrower than a bootstrap of models',
    ),
  hits: z.int().min(0),
  of: z.int().min(0),
});
export const names = z.array(z.string().describe('`<model>/<variant>`'));
export const categorySchema = z.enum([
  'TRUE_POSITIVE',
  'FALSE_POSITIVE',
  'TRUE_NEGATIVE',
  'FALSE_NEGATIVE',
  'INCONCLUSIVE',
]);
export const triageSchema = z.enum(['PASS', 'REVIEW', 'FAIL']).nullable();
export const errorNamesSchema = z.strictObject({ detected: names, missed: names, inconclusive: names });
export const countsSchema = z.strictObject(
  Object.fromEntries(categorySchema.options.map((category) => [category, z.int().min(0)])),
);
export const metricsSchema = z.strictObject({
  accuracy: rateValue,
  precision: rateValue,
  recall: rateValue,
  specificity: rateValue,
  f1_score: rateValue,
  error_detection_rate: rateValue,
});

export function metrics({ confusion, errorDetection }: Analysis): z.infer<typeof metricsSchema> {
  return {
    accuracy: confusion.accuracy.value,
    precision: confusion.precision.value,
    recall: confusion.recall.value,
    specificity: confusion.specificity.value,
    f1_score: confusion.f1.value,
    error_detection_rate: errorDetection.value,
  };
}

export function interval(rate: Rate): [number, number] {
  return [rate.interval.low, rate.interval.high];
}

export function rateJson(rate: Rate): z.infer<typeof rateSchema> {
  return { rate: rate.value, interval_95: interval(rate), hits: rate.hits, of: rate.of };
}

export function errorNames(errors: readonly ErrorResult[]): z.infer<typeof errorNamesSchema> {
  const of = (detected: ErrorResult['detected']): string[] =>
    errors
      .filter((error) => error.detected === detected)
      .map((error) => `${error.model}/${error.variant}`)
      .sort(compare);
  return { detected: of(true), missed: of(false), inconclusive: of(null) };
}
