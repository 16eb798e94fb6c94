// What would settle a finding: how many more variants of which kind, if they came out as those so far.
import type { Rate } from '../statistics/confusion.js';
import { clopperPearson } from './intervals.js';
import { type Coverage, LEAST_COVERAGE, LEAST_EDITS, LIMITS, type RateName, RATES } from './limits.js';

/** What the rate is of: one, and more. */
const KINDS: Record<RateName, readonly [string, string]> = {
  sensitivity: ['harmful edit', 'harmful edits'],
  specificity: ['harmless edit', 'harmless edits'],
  errorDetection: ['error that is shown harmful', 'errors that are shown harmful'],
};
const EDITS = ['edit', 'edits'] as const;

/** Beyond so many of anything nobody looks. */
const MOST = 500;

export function settling({
  rates,
  coverage,
}: {
  rates: Record<RateName, Rate>;
  coverage: Coverage;
}): string[] {
  const short = Math.ceil(LEAST_COVERAGE * coverage.of) - coverage.decided;
  return [
    ...(short > 0 && coverage.undecided > 0
      ? [
          `More items a benchmark, so that at least ${Math.min(short, coverage.undecided)} of the ${plural(coverage.undecided, ['undecided edit', 'undecided edits'])} get a label`,
        ]
      : []),
    ...(coverage.unlabelled > 0 ? [`Outcomes of the ${plural(coverage.unlabelled, EDITS)} without any`] : []),
    ...(coverage.unjudged > 0 ? [`A judgement of the ${plural(coverage.unjudged, EDITS)} without one`] : []),
    ...RATES.flatMap((name) => ofRate(name, rates[name])),
  ];
}

function ofRate(name: RateName, rate: Rate): string[] {
  if (rate.interval.low >= LIMITS[name] || rate.interval.high < LIMITS[name]) return [];
  const [one, many] = KINDS[name];
  const more = (count: number): string => plural(count, [`more ${one}`, `more ${many}`]);
  if (rate.of < LEAST_EDITS && name !== 'errorDetection') return [`At least ${more(LEAST_EDITS - rate.of)}`];
  const count = needed(rate.of === 0 ? 1 : rate.hits / rate.of, LIMITS[name], rate.of);
  if (count === null) return [`More than ${more(MOST)}: the rate lies too near its limit`];
  return [`About ${more(count)}, if ${rate.of === 0 ? 'all are flagged' : 'they come out as those so far'}`];
}

/** How many more until the exact interval of the same share lies on one side of the limit; null beyond `MOST`. */
function needed(share: number, limit: number, have: number): number | null {
  for (let more = 1; more <= MOST; more += 1) {
    const n = have + more;
    const { low, high } = clopperPearson(Math.round(share * n), n);
    if (low >= limit || high < limit) return more;
  }
  return null;
}

function plural(count: number, [one, many]: readonly [string, string]): string {
  return `${count} ${count === 1 ? one : many}`;
}
