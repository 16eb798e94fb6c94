// analysis/invarlock_results.csv: a row a planned certificate, by model, class, variant, run.
import { z } from 'zod';
import type { Judgement } from '../../analysis/certificates/certificate.js';
import { type Gate, guardsNotRun } from '../../analysis/certificates/gates.js';
import type { GatedGuard } from '../../analysis/certificates/compared-with.js';
import type { CertificateRow } from '../../analysis/certificates/rows.js';
import type { CsvValue } from './csv.js';
import { column, csvOf, figure, flag, known, rowSchema, tri, word, words, type Column } from './columns.js';
import { MISSING_REASONS } from './eval-results.js';

const gateSchema = z.union([z.boolean(), z.enum(['missing', 'not_run', 'not_evaluated'])]).nullable();
const margin = z.number().nullable();

/** The first twenty-one are the original script's. */
const COLUMNS: readonly Column<CertificateRow>[] = [
  column('model', word, 'Name of the model', (row) => row.model),
  column('experiment', word, 'The edit; `errors` for an injected error; `null` for a null run', experiment),
  column('run', word, '`run_<k>`', (row) => `run_${row.run}`),
  column('edit_type', word, 'The edit, `error_<type>`, or `baseline` for a null run', (row) => row.variant),
  ofJudgement('pm_ratio', figure, "Perplexity over the baseline's", ({ pm }) => pm.ratio),
  ofJudgement('pm_ci_low', figure, "Low end of InvarLock's interval of it", ({ ci }) => ci?.low ?? null),
  ofJudgement('pm_ci_high', figure, 'High end', ({ ci }) => ci?.high ?? null),
  ofJudgement(
    'pm_threshold',
    z.number(),
    'The ratio above which it fails, hysteresis included',
    (one) => one.threshold,
  ),
  gate('pm_acceptable', 'primary_metric_acceptable', 'Gate of the primary metric'),
  ofJudgement(
    'pm_degraded',
    flag,
    'Marked invalid or degraded, or the ratio is not finite',
    (one) => one.degraded,
  ),
  gate('preview_final_drift_acceptable', 'preview_final_drift_acceptable', 'Gate of the drift'),
  gate('invariants_pass', 'invariants_pass', 'Gate of the invariants'),
  gate('spectral_stable', 'spectral_stable', 'Gate of the spectral guard'),
  gate('rmt_stable', 'rmt_stable', 'Gate of the RMT guard'),
  ofJudgement('all_pass', known, 'Invariants, primary metric, spectral and RMT', (one) => tri(one.allPass)),
  ofJudgement('overall_pass', known, 'And drift, and evaluated overhead', (one) => tri(one.overallPass)),
  ofJudgement('hysteresis_applied', flag, "InvarLock's", (one) => one.hysteresisApplied),
  gate('guard_overhead_acceptable', 'guard_overhead_acceptable', 'Gate of the guard overhead'),
  ofJudgement('confidence_label', word, "InvarLock's: High, Medium or Low", (one) => one.confidenceLabel),
  column('triage', words('PASS', 'REVIEW', 'FAIL').nullable(), 'See docs/results.md', (row) => row.triage),
  column(
    'triage_reason',
    z.string().nullable(),
    'Why not PASS, joined by `|`; empty where it is',
    (row) => row.judgement?.reasons.join('|') ?? row.refusal,
  ),
  column(
    'class',
    words('baseline', 'clean', 'stress', 'ladder', 'error'),
    'Class of the variant; `baseline`: a null run',
    (row) => row.class,
  ),
  column(
    'state',
    words('certified', 'refused', ...MISSING_REASONS),
    '`certified`, `refused`, or why there is no result (docs/results.md)',
    (row) => row.state,
  ),
  column('refusal', word.nullable(), 'Why InvarLock refused the model', (row) => row.refusal),
  column('flagged', known, 'all_pass is false, or the model was refused', (row) => tri(row.flagged)),
  column('repeats', word.nullable(), 'The run this one repeats with the same parameters', (row) =>
    row.repeats === null ? null : `run_${row.repeats}`,
  ),
  ofJudgement('pm_kind', word, 'Kind of the primary metric', ({ pm }) => pm.kind),
  ofJudgement('pm_preview', figure, 'Perplexity of the preview windows', ({ pm }) => pm.preview),
  ofJudgement('pm_final', figure, 'Perplexity of the final windows', ({ pm }) => pm.final),
  ofJudgement('tier', word, "InvarLock's tier", (one) => one.tier),
  column('guards', word, 'The guard order asked for, joined by `|`', (row) => row.guards.join('|')),
  column('guards_not_run', word.nullable(), 'Guards the order leaves out, joined by `|`', (row) =>
    guardsNotRun(row.guards).join('|'),
  ),
  column('certificate', word.nullable(), 'Workspace path', (row) =>
    row.judgement === null ? null : row.path,
  ),
  ofJudgement('pm_margin', margin, 'Threshold − ratio: below 0 it fails', (one) => one.margins.ratio),
  ofJudgement(
    'pm_margin_upper',
    margin,
    'Threshold − high end of the interval, on which InvarLock 0.3.7 does not gate',
    (one) => one.margins.ratioUpper,
  ),
  ofJudgement(
    'drift_margin',
    margin,
    'Distance of final ÷ preview to the nearer end of its band',
    (one) => one.margins.drift,
  ),
  ofJudgement(
    'spectral_caps_left',
    margin,
    'Spectral caps before the budget is spent',
    (one) => one.margins.spectralCaps,
  ),
  ofJudgement(
    'rmt_margin',
    margin,
    'Smallest (allowed − edge risk) ÷ allowed over the families',
    (one) => one.margins.rmt,
  ),
  ofJudgement('determinism_level', word, "InvarLock's", (one) => one.determinism.level),
  ofJudgement('policy_digest', word, "InvarLock's digest of the policy", (one) => one.policy.digest),
  compared('invariants'),
  compared('spectral'),
  compared('rmt'),
];

export const certificateRowSchema = rowSchema(
  COLUMNS,
  'One row of analysis/invarlock_results.csv: one planned certificate.',
);

export function certificatesCsv(rows: readonly CertificateRow[]): string {
  return csvOf(COLUMNS, rows);
}

function experiment({ class: ofClass, variant }: CertificateRow): string {
  return ofClass === 'error' ? 'errors' : ofClass === 'baseline' ? 'null' : variant;
}

/** Empty without a readable certificate. */
function ofJudgement(
  name: string,
  schema: z.ZodType,
  about: string,
  value: (one: Judgement) => CsvValue,
): Column<CertificateRow> {
  return column(name, schema.nullable(), about, ({ judgement }) =>
    judgement === null ? null : value(judgement),
  );
}

function compared(guard: GatedGuard): Column<CertificateRow> {
  return ofJudgement(
    `${guard}_compared_with`,
    words('baseline', 'itself', 'not_run', 'nothing', 'unknown'),
    `What the ${guard} guard compared the model with`,
    (one) => one.comparedWith[guard],
  );
}

function gate(name: string, key: Gate, about: string): Column<CertificateRow> {
  return ofJudgement(name, gateSchema, `${about}: true, false, missing, not_run, not_evaluated`, (one) => {
    const status = one.gates[key];
    return status === 'pass' ? true : status === 'fail' ? false : status;
  });
}
