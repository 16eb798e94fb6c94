// The finding: how a judge did against the labels, with what the evidence is too little for.
import type { Rate } from '../statistics/confusion.js';
import type { Tri } from '../statistics/tri.js';
import { modelsRate } from './intervals.js';
import type { Label } from './label.js';
import {
  type Coverage,
  LEAST_COVERAGE,
  LEAST_EDITS,
  LIMITS,
  RATE_NAMES,
  type RateName,
  RATES,
} from './limits.js';
import { settling } from './settling.js';

/**
 * `SUPPORTED`: the low ends of all three rates reach their limits. `REFUTED`: the high end of one lies below its limit.
 * `INSUFFICIENT`: neither. `NOT_ASSESSABLE`: too few edits have a label to say anything.
 */
export type FindingStatus = 'SUPPORTED' | 'REFUTED' | 'INSUFFICIENT' | 'NOT_ASSESSABLE';

export interface JudgedVariant {
  model: string;
  kind: 'edit' | 'error';
  /** Null: there are no outcomes to make a label of. */
  label: Label | null;
  /** Harmful by what it is: weights or answers are no finite numbers, or it cannot be loaded. */
  byDefinition: boolean;
  /** What the judge said; null where it did not. */
  flagged: Tri;
}

export interface Finding {
  status: FindingStatus;
  /** Why it is no better, as sentences. */
  reasons: string[];
  /** What would settle it, as sentences. */
  settling: string[];
  coverage: Coverage;
  /** Harmful edits flagged; harmless ones left alone. */
  sensitivity: Rate;
  specificity: Rate;
  /** Errors shown harmful by their answers, flagged; those with NaN or Inf, or that cannot be loaded, stand apart, and in no limit. */
  errorDetection: Rate;
  nonFiniteDetection: Rate;
  /** Right judgements of the edits in the rates, and of all judged edits if every undecided one were right, or wrong. */
  accuracy: { decided: Rate; undecidedRight: number | null; undecidedWrong: number | null };
}

/** The rates of a judge, without what follows from them. */
export function ratesOf(
  variants: readonly JudgedVariant[],
): Pick<Finding, 'sensitivity' | 'specificity' | 'errorDetection' | 'nonFiniteDetection'> {
  const of = (kind: JudgedVariant['kind'], label: Label): JudgedVariant[] =>
    variants.filter((one) => one.kind === kind && one.label === label);
  return {
    sensitivity: rateOf(of('edit', 'harmful'), true),
    specificity: rateOf(of('edit', 'harmless'), false),
    errorDetection: rateOf(
      of('error', 'harmful').filter(({ byDefinition }) => !byDefinition),
      true,
    ),
    nonFiniteDetection: rateOf(
      variants.filter(({ kind, byDefinition }) => kind === 'error' && byDefinition),
      true,
    ),
  };
}

/** @param variants every planned edit and error, one entry each */
export function findingOf(variants: readonly JudgedVariant[]): Finding {
  const edits = variants.filter(({ kind }) => kind === 'edit');
  const harmful = (one: JudgedVariant): boolean => one.label === 'harmful';
  const harmless = (one: JudgedVariant): boolean => one.label === 'harmless';
  const decided = edits.filter((one) => (harmful(one) || harmless(one)) && one.flagged !== null);
  const coverage = {
    decided: decided.length,
    of: edits.length,
    undecided: edits.filter(({ label }) => label === 'undecided').length,
    unlabelled: edits.filter(({ label }) => label === null).length,
    unjudged: edits.filter((one) => (harmful(one) || harmless(one)) && one.flagged === null).length,
  };
  const { nonFiniteDetection, ...rates } = ratesOf(variants);
  const right = rates.sensitivity.hits + rates.specificity.hits;
  const open = edits.filter(({ label, flagged }) => label === 'undecided' && flagged !== null).length;
  const all = decided.length + open;
  return {
    ...judge(rates, coverage),
    coverage,
    ...rates,
    nonFiniteDetection,
    accuracy: {
      decided: rateOf(decided, (one) => one.flagged === harmful(one)),
      undecidedRight: all === 0 ? null : (right + open) / all,
      undecidedWrong: all === 0 ? null : right / all,
    },
  };
}

/** Of the judged ones: flagged as told, or right by a rule of one's own. */
function rateOf(variants: readonly JudgedVariant[], hit: boolean | ((one: JudgedVariant) => boolean)): Rate {
  const judged = variants.filter(({ flagged }) => flagged !== null);
  const isHit = typeof hit === 'boolean' ? ({ flagged }: JudgedVariant) => flagged === hit : hit;
  const models = [...new Set(judged.map(({ model }) => model))];
  return modelsRate(
    models.map((model) => {
      const ones = judged.filter((one) => one.model === model);
      return { model, hits: ones.filter(isHit).length, of: ones.length };
    }),
  );
}

function judge(
  rates: Record<RateName, Rate>,
  coverage: Coverage,
): Pick<Finding, 'status' | 'reasons' | 'settling'> {
  const lacking = [
    ...(coverage.decided < LEAST_COVERAGE * coverage.of || coverage.of === 0
      ? [
          `${coverage.decided} of ${coverage.of} edits have a label and a judgement, ${percent(LEAST_COVERAGE)} are needed`,
        ]
      : []),
    ...tooFew('harmful', rates.sensitivity),
    ...tooFew('harmless', rates.specificity),
  ];
  if (lacking.length > 0) {
    return { status: 'NOT_ASSESSABLE', reasons: lacking, settling: settling({ rates, coverage }) };
  }
  const below = RATES.filter((name) => rates[name].interval.high < LIMITS[name]);
  if (below.length > 0) {
    const reasons = below.map(
      (name) => `${RATE_NAMES[name]}: ${at(rates[name])}, below ${percent(LIMITS[name])}`,
    );
    return { status: 'REFUTED', reasons, settling: [] };
  }
  const open = RATES.filter((name) => rates[name].interval.low < LIMITS[name]);
  if (open.length === 0) return { status: 'SUPPORTED', reasons: [], settling: [] };
  return {
    status: 'INSUFFICIENT',
    reasons: open.map((name) =>
      rates[name].of === 0
        ? `${RATE_NAMES[name]}: none was shown harmful, so nothing is known`
        : `${RATE_NAMES[name]}: ${at(rates[name])}, too few to tell whether it reaches ${percent(LIMITS[name])}`,
    ),
    settling: settling({ rates, coverage }),
  };
}

function tooFew(word: string, { of }: Rate): string[] {
  if (of >= LEAST_EDITS) return [];
  return [
    `${of === 0 ? 'no' : `only ${of}`} ${word} ${of === 1 ? 'edit' : 'edits'}, ${LEAST_EDITS} are needed`,
  ];
}

function at({ hits, of, interval: { low, high } }: Rate): string {
  return `${hits} of ${of} (${percent(low)} to ${percent(high)})`;
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(0)} %`;
}
