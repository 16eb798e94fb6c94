// analysis/judges.csv: a row a judge, side by side; analysis/judgements.csv: a row a variant and judge.
import { z } from 'zod';
import type { Findings } from '../../analysis/findings.js';
import { costOf, type JudgeCost } from '../../analysis/judge-cost.js';
import type { JudgeResult } from '../../analysis/judge-results/results.js';
import type { Rate } from '../../analysis/statistics/confusion.js';
import type { Interval } from '../../analysis/statistics/statistics.js';
import { sixDigits } from './csv.js';
import { column, count, csvOf, figure, fraction, rowSchema, word, words, type Column } from './columns.js';

interface JudgeRow {
  of: JudgeResult;
  cost: JudgeCost;
}

const part = fraction.nullable();
const amount = z.number().nullable();

const COLUMNS: readonly Column<JudgeRow>[] = [
  column('judge', word, 'Its name', ({ of }) => of.judge),
  column('flags', word, 'When it flags', ({ of }) => of.rule),
  column(
    'labels',
    words('all', 'half'),
    'What its labels are made of: all items, or the half that it does not see',
    ({ of }) => of.labels,
  ),
  column('flagged', count, 'Edits and errors it flagged', ({ of }) => of.counts.flagged),
  column('passed', count, 'Edits and errors it passed', ({ of }) => of.counts.passed),
  column('undecided', count, 'Edits and errors it could not judge', ({ of }) => of.counts.undecided),
  ...rates('sensitivity', 'Harmful edits flagged', (of) => of.sensitivity),
  ...rates('specificity', 'Harmless edits left alone', (of) => of.specificity),
  ...rates('error_detection', 'Errors shown harmful, flagged', (of) => of.errorDetection),
  ...rates(
    'non_finite_detection',
    'Errors with NaN or Inf, or that cannot be loaded, flagged',
    (of) => of.nonFiniteDetection,
  ),
  column('auc', part, 'Area under the ROC curve of its score', ({ of }) => rounded(of.auc?.value)),
  ...ends('auc', part, (of) => of.auc?.interval),
  column('caught_80', amount, 'Smallest harm caught with 80 %, in points of mean accuracy', ({ of }) =>
    rounded(of.curve?.caught.harm),
  ),
  column('caught_80_low', amount, 'Low end of its 95 % interval; empty: not among the harms seen', ({ of }) =>
    rounded(of.curve?.caught.low),
  ),
  column('caught_80_high', amount, 'High end', ({ of }) => rounded(of.curve?.caught.high)),
  ...rates(
    'false_alarms_at_80',
    'Harmless variants flagged at the limit that catches 80 % of the harmful ones',
    (of) => of.falseAlarmsAt80,
  ),
  column(
    'beside_invarlock',
    count.nullable(),
    'Variants that it and InvarLock both judged',
    ({ of }) => of.beside?.n ?? null,
  ),
  column(
    'only_it_right',
    count.nullable(),
    'Of these only it judged rightly',
    ({ of }) => of.beside?.onlyOther ?? null,
  ),
  column(
    'only_invarlock_right',
    count.nullable(),
    'Of these only InvarLock did',
    ({ of }) => of.beside?.onlyOne ?? null,
  ),
  column('mcnemar_p', part, 'Exact, two-sided', ({ of }) => rounded(of.beside?.p)),
  column('mcnemar_p_holm', part, 'Adjusted by Holm over the judges', ({ of }) => rounded(of.beside?.holmP)),
  column(
    'gpu_seconds',
    z.number().min(0),
    'GPUs × seconds of the cells whose results it reads',
    ({ cost }) => cost.gpuSeconds,
  ),
  column('run_seconds', z.number().min(0), 'Seconds in Python of these cells', ({ cost }) => cost.runSeconds),
];

export const judgeRowSchema = rowSchema(
  COLUMNS,
  'One row of analysis/judges.csv: one judge against the labels.',
);

export function judgesCsv({ analysis, records }: Findings): string {
  return csvOf(
    COLUMNS,
    analysis.judges.map((of) => ({ of, cost: costOf(of.reads, records) })),
  );
}

type Answer = JudgeResult['answers'][number] & { judge: string };

const ANSWER_COLUMNS: readonly Column<Answer>[] = [
  column('model', word, 'Name of the model', (row) => row.model),
  column('variant', word, 'The edit, or `error_<type>`', (row) => row.variant),
  column('class', words('clean', 'stress', 'ladder', 'error'), 'Class of the variant', (row) => row.class),
  column('judge', word, 'Name of the judge', (row) => row.judge),
  column('judgement', words('flagged', 'passed', 'undecided'), 'What it said', (row) => row.judgement),
  column('score', figure.nullable(), 'Higher is worse; empty where it did not decide', (row) =>
    rounded(row.score),
  ),
  column(
    'margin',
    figure.nullable(),
    'Its limit − the score: below 0 it flags; empty of a judge without a limit',
    (row) => rounded(row.margin),
  ),
  column('because', word, 'Why', (row) => row.because),
];

export const judgementRowSchema = rowSchema(
  ANSWER_COLUMNS,
  'One row of analysis/judgements.csv: what one judge said of one edit or error.',
);

export function judgementsCsv({ analysis: { judges } }: Findings): string {
  return csvOf(
    ANSWER_COLUMNS,
    judges.flatMap(({ judge, answers }) => answers.map((one) => ({ ...one, judge }))),
  );
}

function rounded(value: number | null | undefined): number | null {
  return value === null || value === undefined ? null : sixDigits(value);
}

function rates(name: string, about: string, of: (one: JudgeResult) => Rate | null): Column<JudgeRow>[] {
  return [
    column(name, part, about, (row) => rounded(of(row.of)?.value)),
    ...ends(name, part, (one) => of(one)?.interval),
    column(`${name}_of`, count.nullable(), 'Of how many', (row) => of(row.of)?.of ?? null),
  ];
}

function ends(
  name: string,
  schema: z.ZodType,
  of: (one: JudgeResult) => Interval | undefined,
): Column<JudgeRow>[] {
  return [
    column(`${name}_low`, schema, 'Low end of its 95 % interval', (row) => rounded(of(row.of)?.low)),
    column(`${name}_high`, schema, 'High end', (row) => rounded(of(row.of)?.high)),
  ];
}
