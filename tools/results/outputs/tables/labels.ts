// analysis/labels.csv: a row an edit or error and benchmark, with the counts and tests its label rests on.
import { z } from 'zod';
import type { Analysis } from '../../analysis/analyse.js';
import type { BenchmarkEvidence, Labelled } from '../../analysis/ground-truth/label.js';
import type { EditResult, ErrorResult } from '../../analysis/variants.js';
import {
  column,
  count,
  csvOf,
  fraction,
  known,
  rowSchema,
  tri,
  word,
  words,
  type Column,
} from './columns.js';

interface LabelRow {
  variant: EditResult | ErrorResult;
  /** Null of a variant without a label: then it has one row. */
  of: { labelled: Labelled; evidence: BenchmarkEvidence } | null;
}

function isUnloadable(variant: EditResult | ErrorResult): boolean {
  return 'unloadable' in variant && variant.unloadable;
}

const p = fraction.nullable();
const share = z.number().min(-1).max(1).nullable();

const COLUMNS: readonly Column<LabelRow>[] = [
  column('model', word, 'Name of the model', ({ variant }) => variant.model),
  column('variant', word, 'The edit, or `error_<type>`', ({ variant }) => variant.variant),
  column(
    'class',
    words('clean', 'stress', 'ladder', 'error'),
    'Class of the variant',
    ({ variant }) => variant.class,
  ),
  column(
    'label',
    words('harmful', 'harmless', 'undecided').nullable(),
    'What the paired outcomes say; empty without outcomes',
    ({ of, variant }) => of?.labelled.label ?? (isUnloadable(variant) ? 'harmful' : null),
  ),
  column(
    'decided_by',
    words('non_finite', 'unloadable', 'drop', 'margin').nullable(),
    'Answers that are not finite; a model that cannot be loaded; a drop that was shown; a drop of the margin that was ruled out, or could not be',
    ({ of, variant }) => of?.labelled.decidedBy.test ?? (isUnloadable(variant) ? 'unloadable' : null),
  ),
  column('deciding_benchmark', word.nullable(), 'Whose test decided; `all`: the mean of all', ({ of }) =>
    of === null ? null : (of.labelled.decidedBy.benchmark ?? 'all'),
  ),
  column('deciding_p', p, 'Its p-value', ({ of }) => of?.labelled.decidedBy.p ?? null),
  column('no_label', z.string().nullable(), 'Why there is no label', ({ variant }) =>
    variant.label.ok || isUnloadable(variant) ? null : variant.label.reason,
  ),
  column('flagged', known, "InvarLock's judgement: that of most runs", ({ variant }) => tri(variant.judged)),
  column(
    'reference_label',
    words('regression', 'no_regression').nullable(),
    "The original rule's, of two accuracies; empty of an error, and where it is not known",
    ({ variant }) =>
      'regression' in variant && variant.regression !== null
        ? variant.regression
          ? 'regression'
          : 'no_regression'
        : null,
  ),
  column('benchmark', word.nullable(), "The suite's name", ({ of }) => of?.evidence.benchmark ?? null),
  column('n', count.nullable(), 'Items', ({ of }) => of?.evidence.n ?? null),
  column('lost', count.nullable(), 'b: right before, wrong after', ({ of }) => of?.evidence.lost ?? null),
  column('won', count.nullable(), 'c: wrong before, right after', ({ of }) => of?.evidence.won ?? null),
  column('difference', share, '(c − b) ÷ n', ({ of }) => of?.evidence.difference ?? null),
  column('drop_p', p, 'Exact one-sided McNemar test', ({ of }) => of?.evidence.dropP ?? null),
  column('drop_p_holm', p, 'Adjusted by Holm', ({ of }) => of?.evidence.dropAdjustedP ?? null),
  column('margin_p', p, "Tango's test against the margin", ({ of }) => of?.evidence.marginP ?? null),
  column('mean_difference', share, 'Mean over the benchmarks', ({ of }) => of?.labelled.difference ?? null),
  column(
    'mean_standard_error',
    z.number().min(0).nullable(),
    'Its standard error',
    ({ of }) => of?.labelled.standardError ?? null,
  ),
  column(
    'flips',
    fraction.nullable(),
    'Share of all items that turned',
    ({ of }) => of?.labelled.secondary.flips ?? null,
  ),
  column(
    'kl_over_choices',
    z.number().nullable(),
    'Mean KL(baseline ‖ variant) over the choices, nats',
    ({ of }) => of?.labelled.secondary.klOverChoices ?? null,
  ),
  column(
    'gold_probability_change',
    share,
    'Mean change of the right choice’s probability',
    ({ of }) => of?.labelled.secondary.goldChange ?? null,
  ),
  column('gold_t', z.number().nullable(), 'Its paired t', ({ of }) => of?.labelled.secondary.goldT ?? null),
  column('gold_p', p, 'Two-sided', ({ of }) => of?.labelled.secondary.goldP ?? null),
  column('notes', z.string().nullable(), 'What differed in how the baseline and it were asked', ({ of }) =>
    of === null || of.labelled.notes.length === 0 ? null : of.labelled.notes.join('; '),
  ),
];

export const labelRowSchema = rowSchema(
  COLUMNS,
  'One row of analysis/labels.csv: one benchmark of an edit or error, and what its label rests on.',
);

export function labelsCsv({ edits, errors }: Analysis): string {
  const rows = [...edits, ...errors].flatMap((variant): LabelRow[] => {
    const { label } = variant;
    if (!label.ok) return [{ variant, of: null }];
    return label.value.benchmarks.map((evidence) => ({ variant, of: { labelled: label.value, evidence } }));
  });
  return csvOf(COLUMNS, rows);
}
