// analysis/judges.json: judges side by side for machines, with their detection curves.
import { z } from 'zod';
import type { Findings } from '../analysis/findings.js';
import { costOf } from '../analysis/judge-cost.js';
import type { Beyond } from '../analysis/judge-results/beyond.js';
import type { Curve } from '../analysis/judge-results/curve.js';
import type { Paired } from '../analysis/judge-results/paired.js';
import type { JudgeResult } from '../analysis/judge-results/results.js';
import type { Analysis } from '../analysis/analyse.js';
import { json, rateJson, rateSchema } from './parts.js';
import { sixDigits } from './tables/csv.js';
import { beyondSentence } from './text/judges-text.js';

const count = z.int().min(0);
const fraction = z.number().min(0).max(1);
const share = z.number().min(-1).max(1);
const points = z.number().describe('Points of mean accuracy lost');

const pairedShape = {
  variants: count.describe('Known to be harmful or harmless, and judged by both'),
  alike: count.describe('Both rightly or both wrongly'),
  only_invarlock: count.describe('Only InvarLock was right'),
  p: fraction.describe('Exact McNemar test, two-sided'),
  difference: share.nullable().describe('InvarLock’s share of right judgements − the other’s'),
  interval_95: z
    .tuple([share, share])
    .describe('Tango’s score interval, over several models no narrower than a bootstrap of models'),
};

export const beyondSchema = z.strictObject({
  sentence: z.string(),
  threshold: z.string().describe('The judge it is compared with'),
  limit: z.number().describe('Its limit of the perplexity ratio'),
  ...pairedShape,
  only_threshold: count.describe('Only the threshold was right'),
});

const curveSchema = z.strictObject({
  variants: count,
  flagged: count,
  rises: z.boolean().describe('Whether more harm is flagged more often'),
  caught_80: z
    .strictObject({ harm: points.nullable(), low: points.nullable(), high: points.nullable() })
    .describe('Smallest harm caught with 80 %; null: not among the harms seen'),
  points: z.array(z.strictObject({ harm: points, probability: fraction, low: fraction, high: fraction })),
});

const judgeSchema = z.strictObject({
  judge: z.string(),
  flags: z.string().describe('When it flags'),
  labels: z.enum(['all', 'half']).describe('Made of all items, or of the half that the judge does not see'),
  counts: z.strictObject({ flagged: count, passed: count, undecided: count }),
  sensitivity: rateSchema.describe('Harmful edits flagged'),
  specificity: rateSchema.describe('Harmless edits left alone'),
  error_detection: rateSchema.describe('Errors shown harmful by their answers, flagged'),
  non_finite_detection: rateSchema.describe('Errors with NaN or Inf, or that cannot be loaded, flagged'),
  auc: z
    .strictObject({
      auc: fraction,
      interval_95: z.tuple([fraction, fraction]),
      harmful: count,
      harmless: count,
    })
    .nullable()
    .describe('Of its score, over the edits and errors whose harm was measured; null without both kinds'),
  curve: curveSchema.nullable().describe('Null where too few variants were flagged, or were not'),
  false_alarms_at_80: rateSchema
    .nullable()
    .describe('Harmless variants above the limit at which the score catches 80 % of the harmful ones'),
  beside_invarlock: z
    .strictObject({
      ...pairedShape,
      only_judge: count.describe('Only this judge was right'),
      p_holm: fraction.describe('Adjusted by Holm over the judges'),
    })
    .nullable(),
  cost: z
    .strictObject({ gpu_seconds: z.number().min(0), run_seconds: z.number().min(0), cells: count })
    .describe('Of the cells whose results it reads, as their receipts say'),
});

export const judgesSchema = z
  .strictObject({
    schema: z.literal(1),
    suite: z.string(),
    complete: z.boolean(),
    beyond_a_threshold: beyondSchema,
    judges: z.array(judgeSchema),
  })
  .describe('analysis/judges.json: judges side by side, each against the labels and beside InvarLock.');

export function judgesJson({ analysis, records }: Findings): string {
  const value: z.infer<typeof judgesSchema> = {
    schema: 1,
    suite: analysis.suite,
    complete: analysis.complete,
    beyond_a_threshold: beyondJson(analysis),
    judges: analysis.judges.map((one) => judgeJson(one, records)),
  };
  return json(value);
}

export function beyondJson({ beyond }: Pick<Analysis, 'beyond'>): z.infer<typeof beyondSchema> {
  return {
    sentence: beyondSentence({ beyond }),
    threshold: beyond.threshold,
    limit: beyond.limit,
    ...pairedJson(beyond),
    only_threshold: beyond.onlyOther,
  };
}

function pairedJson(one: Paired | Beyond) {
  return {
    variants: one.n,
    alike: one.alike,
    only_invarlock: one.onlyOne,
    p: sixDigits(one.p),
    difference: one.difference === null ? null : sixDigits(one.difference),
    interval_95: [sixDigits(one.interval.low), sixDigits(one.interval.high)] as [number, number],
  };
}

function judgeJson(one: JudgeResult, records: Findings['records']): z.infer<typeof judgeSchema> {
  const { gpuSeconds, runSeconds, cells } = costOf(one.reads, records);
  return {
    judge: one.judge,
    flags: one.rule,
    labels: one.labels,
    counts: one.counts,
    sensitivity: rateJson(one.sensitivity),
    specificity: rateJson(one.specificity),
    error_detection: rateJson(one.errorDetection),
    non_finite_detection: rateJson(one.nonFiniteDetection),
    auc:
      one.auc === null
        ? null
        : {
            auc: sixDigits(one.auc.value),
            interval_95: [sixDigits(one.auc.interval.low), sixDigits(one.auc.interval.high)],
            harmful: one.auc.harmful,
            harmless: one.auc.harmless,
          },
    curve: one.curve === null ? null : curveJson(one.curve),
    false_alarms_at_80: one.falseAlarmsAt80 === null ? null : rateJson(one.falseAlarmsAt80),
    beside_invarlock:
      one.beside === null
        ? null
        : {
            ...pairedJson(one.beside),
            only_judge: one.beside.onlyOther,
            p_holm: sixDigits(one.beside.holmP),
          },
    cost: { gpu_seconds: gpuSeconds, run_seconds: runSeconds, cells },
  };
}

function curveJson({ variants, flagged, rises, caught, points: all }: Curve): z.infer<typeof curveSchema> {
  const orNull = (value: number | null): number | null => (value === null ? null : sixDigits(value));
  return {
    ...{ variants: variants.length, flagged, rises },
    caught_80: { harm: orNull(caught.harm), low: orNull(caught.low), high: orNull(caught.high) },
    points: all.map(({ harm, probability, low, high }) => ({
      ...{
        harm: sixDigits(harm),
        probability: sixDigits(probability),
        low: sixDigits(low),
        high: sixDigits(high),
      },
    })),
  };
}
