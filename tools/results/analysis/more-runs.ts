// What more runs would buy: how many more edits, errors or models would lift the confidence, if they came out as these did.
import { confidenceScore, type ConfidenceScore, wilson } from './statistics/statistics.js';
import type { Phase0Verdict, VerdictConfidence } from './verdict.js';

/** The score a verdict's confidence needs; HIGH also needs accuracy ≥ 0.80, which no run buys. */
const TARGETS = { MEDIUM: 60, HIGH: 75 } as const;
const MIN_HIGH_ACCURACY = 0.8;
/** Beyond this many of anything nobody looks. */
const MOST = 1_000;

export interface Purchase {
  what: 'models' | 'edits' | 'errors';
  add: number;
  /** The score they would bring, 0 to 100. */
  score: number;
}

export interface MoreRuns {
  /** The confidence above the present one; null when it is HIGH, or the verdict is a failure's. */
  target: VerdictConfidence | null;
  /** The score that needs. */
  needed: number | null;
  /** Ways to reach it, each alone sufficient; empty when more of the same cannot. */
  ways: Purchase[];
  /** The best score that any number of runs with these rates can bring: 75 + 25·F1. */
  ceiling: number;
  /** What stands in the way and no run buys. */
  obstacles: string[];
}

export interface Sample {
  /** Judged edits and errors. */
  tests: number;
  errors: number;
  /** With a judged edit or error. */
  models: number;
  /** Fractions of 1; null when nothing was judged. */
  accuracy: number | null;
  f1: number | null;
}

/**
 * Only judged edits and errors raise the score: repeated certificates of one edit are one test. The new ones are taken
 * to have the accuracy and F1 of the old ones.
 */
export function moreRuns(sample: Sample, phase0: Phase0Verdict, confidence: ConfidenceScore): MoreRuns {
  const ceiling = 75 + 25 * (sample.f1 ?? 0);
  const target =
    phase0.verdict === 'PHASE0_FAILED' || phase0.confidence === 'HIGH'
      ? null
      : phase0.confidence === 'MEDIUM'
        ? 'HIGH'
        : 'MEDIUM';
  if (target === null) return { target, needed: null, ways: [], ceiling, obstacles: [] };
  const needed = TARGETS[target];
  const obstacles = [
    ...(target === 'HIGH' && (sample.accuracy ?? 0) < MIN_HIGH_ACCURACY
      ? [
          `HIGH needs an accuracy of ${percent(MIN_HIGH_ACCURACY)}, it is ${percent(sample.accuracy ?? 0)}: fewer mistakes, not more runs`,
        ]
      : []),
    ...(ceiling < needed
      ? [
          `with an F1 of ${(sample.f1 ?? 0).toFixed(2)} no number of runs brings the score above ${ceiling.toFixed(1)}`,
        ]
      : []),
  ];
  const perModel = (total: number): number => (sample.models === 0 ? 0 : total / sample.models);
  const candidates: [Purchase['what'], number, number][] = [
    ['models', perModel(sample.tests), perModel(sample.errors)],
    ['edits', 1, 0],
    ['errors', 0, 1],
  ];
  const ways = confidence.score >= needed ? [] : candidates.flatMap((one) => cheapest(sample, one, needed));
  return { target, needed, ways, ceiling, obstacles };
}

function cheapest(
  sample: Sample,
  [what, tests, errors]: [Purchase['what'], number, number],
  needed: number,
): Purchase[] {
  if (tests + errors === 0) return [];
  for (let add = 1; add <= MOST; add += 1) {
    const score = scoreOf(sample, sample.tests + add * tests, sample.errors + add * errors);
    if (score >= needed) return [{ what, add, score }];
  }
  return [];
}

function scoreOf({ accuracy, f1 }: Sample, tests: number, errors: number): number {
  const interval = wilson((accuracy ?? 0) * tests, tests);
  return confidenceScore({ tests, errors, accuracy: interval, f1 }).score;
}

function percent(value: number): string {
  return `${(100 * value).toFixed(1)} %`;
}
