// Two runs of a suite compared: what changed, and whether by more than noise. Pure; compare-runs.ts reads the files.
import { compare } from '../../base/compare.js';
import { type Interval, wilson } from '../analysis/statistics/statistics.js';

/** What of a run is compared; made from its analysis files. Names are `<model>/<variant>/<benchmark or run>`. */
export interface RunTables {
  verdict: string;
  complete: boolean;
  accuracy: Counted;
  errorDetection: Counted;
  evaluations: ReadonlyMap<string, { value: number; n: number }>;
  certificates: ReadonlyMap<string, CertifiedRun>;
}

/** k of n. */
export interface Counted {
  hits: number;
  of: number;
}

export interface CertifiedRun {
  ratio: number | null;
  interval: Interval | null;
  /** `true`, `false` or `unknown`. */
  flagged: string;
  triage: string;
  state: string;
}

/** Null: one side has no interval, so nobody can say. */
export type MoreThanNoise = boolean | null;

export interface Change {
  name: string;
  before: number;
  after: number;
  /** after − before of an accuracy; after ÷ before of a ratio. */
  change: number;
  /** The largest change that is still noise, in the same unit as `change` (a factor for ratios). */
  noise: number | null;
  moreThanNoise: MoreThanNoise;
}

export interface Flip {
  name: string;
  what: 'flagged' | 'triage' | 'state';
  before: string;
  after: string;
  /** Of the ratio behind it. */
  moreThanNoise: MoreThanNoise;
}

export interface Comparison {
  verdicts: { before: string; after: string; complete: [before: boolean, after: boolean] };
  rates: (Omit<Change, 'noise'> & { interval: Interval | null })[];
  accuracies: Change[];
  ratios: Change[];
  flips: Flip[];
  onlyBefore: string[];
  onlyAfter: string[];
}

const Z95 = 1.96;

export function compareRuns(before: RunTables, after: RunTables): Comparison {
  const accuracies = both(before.evaluations, after.evaluations).map(([name, a, b]) => {
    // Two independent samples: standard errors add up in squares. On equal items that is rather too much than too little.
    const noise = 2 * Math.sqrt((a.value * (1 - a.value)) / a.n + (b.value * (1 - b.value)) / b.n);
    const change = b.value - a.value;
    return {
      ...{ name, before: a.value, after: b.value, change, noise },
      moreThanNoise: Math.abs(change) > noise + 1e-12,
    };
  });
  const certified = both(before.certificates, after.certificates);
  const ratios = certified.flatMap(([name, a, b]) => ratioChange(name, a, b));
  const noise = new Map(ratios.map(({ name, moreThanNoise }) => [name, moreThanNoise]));
  const flips = certified.flatMap(([name, a, b]) =>
    (['state', 'flagged', 'triage'] as const).flatMap((what): Flip[] =>
      a[what] === b[what]
        ? []
        : [{ name, what, before: a[what], after: b[what], moreThanNoise: noise.get(name) ?? null }],
    ),
  );
  return {
    verdicts: {
      before: before.verdict,
      after: after.verdict,
      complete: [before.complete, after.complete],
    },
    rates: [
      ...rateChange('accuracy', before.accuracy, after.accuracy),
      ...rateChange('error detection', before.errorDetection, after.errorDetection),
    ],
    accuracies,
    ratios,
    flips,
    onlyBefore: [
      ...only(before.evaluations, after.evaluations),
      ...only(before.certificates, after.certificates),
    ],
    onlyAfter: [
      ...only(after.evaluations, before.evaluations),
      ...only(after.certificates, before.certificates),
    ],
  };
}

/** On the log scale, where InvarLock's intervals are made: each half-width ÷ 1.96 is a standard error. */
function ratioChange(name: string, a: CertifiedRun, b: CertifiedRun): Change[] {
  if (a.ratio === null || b.ratio === null || a.ratio <= 0 || b.ratio <= 0) return [];
  const change = b.ratio / a.ratio;
  const errors = [a.interval, b.interval].map((interval) =>
    interval === null || interval.low <= 0 ? null : Math.log(interval.high / interval.low) / (2 * Z95),
  );
  const [first = null, second = null] = errors;
  const limit = first === null || second === null ? null : Z95 * Math.hypot(first, second);
  return [
    {
      ...{ name, before: a.ratio, after: b.ratio, change },
      noise: limit === null ? null : Math.exp(limit),
      moreThanNoise: limit === null ? null : Math.abs(Math.log(change)) > limit + 1e-12,
    },
  ];
}

/**
 * Difference of two proportions with Newcombe's 95 % interval (method 10 of R. G. Newcombe, Statistics in Medicine 17,
 * 1998): from both Wilson intervals. More than noise when it leaves out 0.
 */
export function newcombe(before: Counted, after: Counted): Interval {
  const [p, q] = [after.hits / after.of, before.hits / before.of];
  const [u, v] = [wilson(after.hits, after.of), wilson(before.hits, before.of)];
  return {
    low: p - q - Math.hypot(p - u.low, v.high - q),
    high: p - q + Math.hypot(u.high - p, q - v.low),
  };
}

function rateChange(name: string, before: Counted, after: Counted): Comparison['rates'] {
  if (before.of === 0 || after.of === 0) return [];
  const [a, b] = [before.hits / before.of, after.hits / after.of];
  const interval = newcombe(before, after);
  const moreThanNoise = interval.low > 0 || interval.high < 0;
  return [{ name, before: a, after: b, change: b - a, interval, moreThanNoise }];
}

function both<T>(a: ReadonlyMap<string, T>, b: ReadonlyMap<string, T>): [name: string, a: T, b: T][] {
  return [...a]
    .flatMap(([name, value]): [string, T, T][] => {
      const other = b.get(name);
      return other === undefined ? [] : [[name, value, other]];
    })
    .sort(([one], [two]) => compare(one, two));
}

function only(a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>): string[] {
  return [...a.keys()].filter((name) => !b.has(name)).sort(compare);
}
