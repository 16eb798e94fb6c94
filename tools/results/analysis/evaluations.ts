// Rows of eval_results.csv: one a planned benchmark of a baseline or an edit, compared with the baseline's.
import { type Files, type Missing, type MissingReason, parseFile } from '../read/files.js';
import { compare } from '../../base/compare.js';
import { compareVariants, type ExpectedEvaluation, type VariantClass } from '../read/expected.js';
import { evaluationSchema, type EvaluationFile } from '../read/schema.js';

export interface EvaluationRow {
  model: string;
  variant: string;
  class: VariantClass;
  benchmark: string;
  /** `ok`, `unloadable` of a model that is so on purpose, or why the numbers are missing. */
  state: 'ok' | 'unloadable' | MissingReason;
  task: string | null;
  metric: string | null;
  /** Fraction of 1. */
  accuracy: number | null;
  stderr: number | null;
  n: number | null;
  /** The rest compares an edit with its baseline; null for the baseline itself. */
  baseline: number | null;
  /** accuracy − baseline. */
  delta: number | null;
  /** A drop of more than this is a regression: 2·√(p(1−p)/n). */
  limit: number | null;
  regression: boolean | null;
}

export interface Evaluations {
  rows: EvaluationRow[];
  missing: Missing[];
  /** Evaluation files that were read, by path, for merging. */
  read: ReadonlyMap<string, EvaluationFile>;
}

/**
 * Largest accuracy drop that is still noise, as a fraction of 1: 2·√(p(1−p)/n), p the baseline's accuracy, n its sample count.
 * The original script first limits p to 0.001 … 0.999; here it does not, so that at p = 1 any drop counts
 * (docs/formulas.md#regression-and-detection).
 */
export function regressionLimit(p: number, n: number): number {
  return 2 * Math.sqrt((p * (1 - p)) / n);
}

/** A drop of exactly the limit is none; the tolerance only keeps rounding from deciding such ties. */
function isRegression(delta: number, limit: number): boolean {
  return -delta - limit > 1e-12;
}

export function evaluationRows(
  expected: readonly ExpectedEvaluation[],
  files: Files,
  reasonUnfinished: ReadonlyMap<string, Missing>,
): Evaluations {
  const missing: Missing[] = [];
  const read = new Map<string, EvaluationFile>();
  const rows = expected.flatMap((one) => {
    const result = readEvaluation(one, files, reasonUnfinished);
    if (!result.ok) {
      if (result.missing !== null) missing.push(result.missing);
      return one.benchmarks.map((benchmark) => emptyRow(one, benchmark, result.state));
    }
    if (typeof result.value.cannot_be_loaded === 'string') {
      return one.benchmarks.map((benchmark) => emptyRow(one, benchmark, 'unloadable'));
    }
    read.set(one.path, result.value);
    return one.benchmarks.map((benchmark) => {
      const row = filledRow(one, benchmark, result.value);
      if (row.state !== 'ok') {
        const detail = `no benchmark \`${benchmark}\` in it`;
        missing.push({ cell: one.cell, path: one.path, reason: 'incomplete', detail });
      }
      return row;
    });
  });
  rows.sort((a, b) => compareVariants(a, b) || compare(a.benchmark, b.benchmark));
  return { rows: withBaseline(rows), missing, read };
}

type Read =
  { ok: true; value: EvaluationFile } | { ok: false; state: MissingReason; missing: Missing | null };

function readEvaluation(
  one: ExpectedEvaluation,
  files: Files,
  reasonUnfinished: ReadonlyMap<string, Missing>,
): Read {
  // What an unfinished cell has left is not a result; its receipt is already listed.
  const unfinished = reasonUnfinished.get(one.receipt);
  if (unfinished !== undefined) return { ok: false, state: unfinished.reason, missing: null };
  const parsed = parseFile(files, one.path, evaluationSchema);
  if (parsed.ok) return parsed;
  const { reason, detail } = parsed;
  return { ok: false, state: reason, missing: { cell: one.cell, path: one.path, reason, detail } };
}

function emptyRow(one: ExpectedEvaluation, benchmark: string, state: EvaluationRow['state']): EvaluationRow {
  const { model, variant } = one;
  return {
    ...{ model, variant, class: one.class, benchmark, state },
    ...{ task: null, metric: null, accuracy: null, stderr: null, n: null },
    ...{ baseline: null, delta: null, limit: null, regression: null },
  };
}

function filledRow(one: ExpectedEvaluation, benchmark: string, file: EvaluationFile): EvaluationRow {
  const result = file.benchmarks[benchmark];
  if (result === undefined) return emptyRow(one, benchmark, 'incomplete');
  const { task, metric, accuracy, n } = result;
  const stderr = typeof result.stderr === 'number' ? result.stderr : null;
  return { ...emptyRow(one, benchmark, 'ok'), task, metric, accuracy, stderr, n };
}

function withBaseline(rows: readonly EvaluationRow[]): EvaluationRow[] {
  const key = (row: EvaluationRow): string => `${row.model}\0${row.benchmark}`;
  const baselines = new Map(rows.filter((row) => row.class === 'baseline').map((row) => [key(row), row]));
  return rows.map((row) => {
    const base = baselines.get(key(row));
    if (row.class === 'baseline' || base === undefined) return row;
    if (row.accuracy === null || base.accuracy === null || base.n === null) {
      return { ...row, baseline: base.accuracy };
    }
    const delta = row.accuracy - base.accuracy;
    const limit = regressionLimit(base.accuracy, base.n);
    return { ...row, baseline: base.accuracy, delta, limit, regression: isRegression(delta, limit) };
  });
}
