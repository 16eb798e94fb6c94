// Null runs: the unedited baseline certified against itself. Whatever is flagged there is a false alarm by construction.
import { GATES, type Gate } from './certificates/gates.js';
import type { CertificateRow } from './certificates/rows.js';
import { exactRate } from './ground-truth/intervals.js';
import type { Rate } from './statistics/confusion.js';

/** What is said of a gate that fails in a null run of the model too. */
export const BASELINES_OWN = "the baseline's own";

export interface NullResult {
  model: string;
  runs: CertificateRow[];
}

export interface NullRuns {
  /** Empty where the suite asks for none. */
  models: NullResult[];
  /** Flagged runs of all judged ones; runs that only repeat another are not counted again. */
  falseAlarms: Rate;
  /** Largest |ratio − 1| of a null run: perplexity that moves without an edit. Null without a finite ratio. */
  largestShift: number | null;
}

export function nullRuns(certificates: readonly CertificateRow[]): NullRuns {
  const rows = certificates.filter((row) => row.class === 'baseline');
  const models = new Map<string, CertificateRow[]>();
  for (const row of rows) models.set(row.model, [...(models.get(row.model) ?? []), row]);
  const distinct = rows.filter((row) => row.repeats === null);
  const judged = distinct.flatMap((row) => row.flagged ?? []);
  const shifts = distinct.flatMap(({ judgement }) => {
    const ratio = judgement?.pm.ratio ?? NaN;
    return Number.isFinite(ratio) ? [Math.abs(ratio - 1)] : [];
  });
  return {
    models: [...models].map(([model, runs]) => ({ model, runs })),
    falseAlarms: exactRate(judged.filter((flagged) => flagged).length, judged.length),
    largestShift: shifts.length === 0 ? null : Math.max(...shifts),
  };
}

/** Gates that fail in a null run of the model too: a drift between its windows, say, that no edit has caused. */
export function baselinesOwn({ models }: NullRuns, model: string): ReadonlySet<Gate> {
  const runs = models.find((one) => one.model === model)?.runs ?? [];
  return new Set(GATES.filter((gate) => runs.some(({ judgement }) => judgement?.gates[gate] === 'fail')));
}

/** Why a certificate is no plain pass; a gate that fails without an edit too is called the baseline's own. */
export function reasonsOf(nulls: NullRuns, row: CertificateRow): string[] {
  const own = row.class === 'baseline' ? new Set<Gate>() : baselinesOwn(nulls, row.model);
  const known = new Set([...own].map((gate) => `${gate}:fail`));
  return (row.judgement?.reasons ?? []).map((why) => (known.has(why) ? `${why} (${BASELINES_OWN})` : why));
}
