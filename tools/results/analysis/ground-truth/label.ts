// The label of a variant: harmful, harmless or undecided, from its paired outcomes alone, and what decided it.
import { normalCdf } from './distributions.js';
import { type Discordant, holm, macroDifference, marginP, mcnemarDrop } from './paired-tests.js';
import { discordant, hasNonFinite, type JoinedBenchmark } from './pairs.js';
import { secondaryOf, type Secondary } from './secondary.js';

export interface Margins {
  /** δ: the largest drop of the mean over the benchmarks that is still called harmless, a fraction of 1. */
  overall: number;
  /** δ_j: the same for each benchmark alone. */
  perBenchmark: number;
}
export const DEFAULT_MARGINS: Margins = { overall: 0.01, perBenchmark: 0.02 };

/** Of the tests that show harmlessness, one-sided each; all must succeed, so no adjustment is due. */
const MARGIN_ALPHA = 0.05;
/** Of the two ways to show harm, so that together they err in at most 5 % of edits without effect. */
const HARM_ALPHA = 0.025;

export type Label = 'harmful' | 'harmless' | 'undecided';

/**
 * `non_finite`: a log-likelihood is not a finite number.
 * `drop`: a drop was shown. `margin`: a drop of the margin or more was ruled out, or could not be.
 */
export type DecidingTest = 'non_finite' | 'drop' | 'margin';

export interface Decision {
  test: DecidingTest;
  /** Null: all benchmarks together, as their mean. */
  benchmark: string | null;
  /** Of `drop` in one benchmark adjusted by Holm; null of `non_finite`. */
  p: number | null;
}

export interface BenchmarkEvidence extends Discordant {
  benchmark: string;
  /** (c − b)/n, a fraction of 1. */
  difference: number;
  /** Exact one-sided McNemar, and the same adjusted by Holm over the benchmarks. */
  dropP: number;
  dropAdjustedP: number;
  /** Tango's test against a drop of δ_j or more. */
  marginP: number;
}

export interface Labelled {
  label: Label;
  /** Of an undecided variant: the test that stands most in the way of harmless. */
  decidedBy: Decision;
  difference: number;
  standardError: number;
  /** Φ(d/SE). */
  dropP: number;
  /** Against a mean drop of δ or more: Φ(−(d + δ)/SE). */
  marginP: number;
  benchmarks: BenchmarkEvidence[];
  secondary: Secondary;
  /** What differed in how the two arms were asked. */
  notes: string[];
}

/** @param benchmarks at least one, each joined with the baseline's */
export function labelOf(
  benchmarks: readonly JoinedBenchmark[],
  margins: Margins = DEFAULT_MARGINS,
): Labelled {
  const counts = benchmarks.map(discordant);
  const adjusted = holm(counts.map(mcnemarDrop));
  const evidence = counts.map((one, index): BenchmarkEvidence => ({
    benchmark: benchmarks[index]?.benchmark ?? '',
    ...one,
    difference: (one.won - one.lost) / one.n,
    dropP: mcnemarDrop(one),
    dropAdjustedP: adjusted[index] ?? 1,
    marginP: marginP(one, margins.perBenchmark),
  }));
  const { difference, standardError } = macroDifference(counts);
  const whole = {
    dropP: normalCdf(difference / standardError),
    marginP: normalCdf(-(difference + margins.overall) / standardError),
  };
  const broken = benchmarks.find(hasNonFinite);
  return {
    ...decide({ evidence, whole, broken: broken?.benchmark ?? null }),
    ...{ difference, standardError, ...whole },
    benchmarks: evidence,
    secondary: secondaryOf(benchmarks),
    notes: [...new Set(benchmarks.flatMap(({ notes }) => notes))],
  };
}

interface Evidence {
  evidence: readonly BenchmarkEvidence[];
  whole: Pick<Labelled, 'dropP' | 'marginP'>;
  /** A benchmark with answers that are no finite numbers. */
  broken: string | null;
}

function decide({ evidence, whole, broken }: Evidence): Pick<Labelled, 'label' | 'decidedBy'> {
  if (broken !== null) {
    return { label: 'harmful', decidedBy: { test: 'non_finite', benchmark: broken, p: null } };
  }
  const margins = [
    { benchmark: null, p: whole.marginP },
    ...evidence.map(({ benchmark, marginP: p }) => ({ benchmark, p })),
  ];
  const drops = evidence.map(({ benchmark, dropAdjustedP: p }) => ({ benchmark, p }));
  const weakest = margins.reduce((worst, one) => (one.p > worst.p ? one : worst));
  if (weakest.p < MARGIN_ALPHA) return { label: 'harmless', decidedBy: { test: 'margin', ...weakest } };
  // A benchmark that shows it alone says more than the mean of all.
  const [strongest] = drops.toSorted((one, other) => one.p - other.p);
  if (strongest !== undefined && strongest.p <= HARM_ALPHA) {
    return { label: 'harmful', decidedBy: { test: 'drop', ...strongest } };
  }
  if (whole.dropP <= HARM_ALPHA) {
    return { label: 'harmful', decidedBy: { test: 'drop', benchmark: null, p: whole.dropP } };
  }
  return { label: 'undecided', decidedBy: { test: 'margin', ...weakest } };
}
