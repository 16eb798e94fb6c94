// analysis/guard_sensitivity_matrix.csv: how often each guard passes, by edit, over all models.
import { z } from 'zod';
import { GATES, type Gate } from '../../analysis/certificates/gates.js';
import type { CertificateRow } from '../../analysis/certificates/rows.js';
import { compare } from '../../../base/compare.js';
import { column, count, csvOf, fraction, rowSchema, word, words, type Column } from './columns.js';

/** All certificates of one edit, error or null run, over the models. */
export interface SensitivityRow {
  variant: string;
  class: CertificateRow['class'];
  models: number;
  certificates: number;
  /** Passes of the certificates whose gate says something; null where none does. */
  passRate: Record<Gate, number | null>;
  /** Flagged share of the judged certificates. */
  flagRate: number | null;
}

const CLASS_ORDER = ['baseline', 'clean', 'stress', 'ladder', 'error'];

/** Runs that only repeat another are not counted. */
export function sensitivityRows(certificates: readonly CertificateRow[]): SensitivityRow[] {
  const groups = new Map<string, CertificateRow[]>();
  for (const row of certificates) {
    if (row.repeats !== null) continue;
    const key = `${CLASS_ORDER.indexOf(row.class)}\0${row.variant}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups]
    .sort(([a], [b]) => compare(a, b))
    .flatMap(([, rows]) => {
      const [first] = rows;
      if (first === undefined) return [];
      return [
        {
          variant: first.variant,
          class: first.class,
          models: new Set(rows.map((row) => row.model)).size,
          certificates: rows.filter((row) => row.judgement !== null).length,
          passRate: Object.fromEntries(GATES.map((gate) => [gate, passRate(rows, gate)])) as Record<
            Gate,
            number | null
          >,
          flagRate: share(rows.flatMap((row) => row.flagged ?? [])),
        },
      ];
    });
}

function passRate(rows: readonly CertificateRow[], gate: Gate): number | null {
  return share(
    rows.flatMap(({ judgement }) => {
      const status = judgement?.gates[gate];
      return status === 'pass' ? [true] : status === 'fail' ? [false] : [];
    }),
  );
}

function share(values: readonly boolean[]): number | null {
  return values.length === 0 ? null : values.filter(Boolean).length / values.length;
}

const rates = (gate: Gate, name: string): Column<SensitivityRow> =>
  column(
    `${gate}_pass_rate`,
    fraction.nullable(),
    `Share of the certificates that say so in which ${name} passes; empty where none does, or the guard is not in the order`,
    (row) => row.passRate[gate],
  );

/** The first four are the original script's. */
const COLUMNS: readonly Column<SensitivityRow>[] = [
  column('edit_type', word, 'The edit, `error_<type>`, or `baseline` for null runs', (row) => row.variant),
  rates('spectral_stable', 'the spectral guard'),
  rates('rmt_stable', 'the RMT guard'),
  rates('invariants_pass', 'the invariants guard'),
  rates('primary_metric_acceptable', 'the primary metric'),
  rates('preview_final_drift_acceptable', 'the drift'),
  rates('guard_overhead_acceptable', 'the guard overhead'),
  column(
    'flag_rate',
    fraction.nullable(),
    'Share of the judged certificates that were flagged',
    (row) => row.flagRate,
  ),
  column(
    'class',
    words('baseline', 'clean', 'stress', 'ladder', 'error'),
    'Class of the variant',
    (row) => row.class,
  ),
  column('models', count, 'Models it was planned for', (row) => row.models),
  column('certificates', count, 'Readable certificates, repeats left out', (row) => row.certificates),
];

export const sensitivityRowSchema: z.ZodType = rowSchema(
  COLUMNS,
  'One row of analysis/guard_sensitivity_matrix.csv: one edit, error or null run over all models.',
);

export function sensitivityCsv(certificates: readonly CertificateRow[]): string {
  return csvOf(COLUMNS, sensitivityRows(certificates));
}
