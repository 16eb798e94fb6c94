// analysis/eval_results.csv: a row a planned benchmark of a baseline or an edit, by model, class, variant, benchmark.
import type { EvaluationRow } from '../../analysis/evaluations.js';
import { column, count, csvOf, flag, fraction, rowSchema, word, words, type Column } from './columns.js';
import { z } from 'zod';

export const MISSING_REASONS = [
  'not_run',
  'failed',
  'stale',
  'altered',
  'absent',
  'unreadable',
  'incomplete',
  'mismatched',
] as const;

/** The first five are the original script's. */
const COLUMNS: readonly Column<EvaluationRow>[] = [
  column('model', word, 'Name of the model', (row) => row.model),
  column('edit_type', word, '`baseline`, or the edit', (row) => row.variant),
  column('task', word.nullable(), "lm-eval's task", (row) => row.task),
  column('metric', word.nullable(), "lm-eval's metric", (row) => row.metric),
  column('value', fraction.nullable(), 'Accuracy, a fraction of 1', (row) => row.accuracy),
  column(
    'class',
    words('baseline', 'clean', 'stress', 'ladder', 'error'),
    'Class of the variant',
    (row) => row.class,
  ),
  column('benchmark', word, "The suite's name of the benchmark", (row) => row.benchmark),
  column(
    'state',
    words('ok', 'unloadable', ...MISSING_REASONS),
    '`ok`, `unloadable` of a model broken on purpose, or why there are no numbers (docs/results.md)',
    (row) => row.state,
  ),
  column('stderr', z.number().nullable(), "lm-eval's standard error", (row) => row.stderr),
  column('n', count.nullable(), 'Samples', (row) => row.n),
  column(
    'baseline',
    fraction.nullable(),
    "The baseline's accuracy; empty for the baseline itself, as are the next three",
    (row) => row.baseline,
  ),
  column('delta', z.number().nullable(), 'value − baseline', (row) => row.delta),
  column(
    'limit',
    z.number().min(0).nullable(),
    'Largest drop that is still noise: 2·√(p(1−p)/n) of the baseline',
    (row) => row.limit,
  ),
  column('regression', flag.nullable(), 'Whether delta is below −limit', (row) => row.regression),
];

export const evaluationRowSchema = rowSchema(
  COLUMNS,
  'One row of analysis/eval_results.csv: one planned benchmark of a baseline or an edit.',
);

export function evaluationsCsv(rows: readonly EvaluationRow[]): string {
  return csvOf(COLUMNS, rows);
}
