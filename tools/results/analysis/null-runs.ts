// Null runs: the unedited baseline certified against itself. Whatever is flagged there is a false alarm by construction.
import type { CertificateRow } from './certificates/rows.js';
import { exactRate } from './ground-truth/intervals.js';
import type { Rate } from './statistics/confusion.js';

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
