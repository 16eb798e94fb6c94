// analysis/eval_results.csv and analysis/invarlock_results.csv. Columns are described in docs/results.md.
import { guardsNotRun } from './certificate.js';
import type { CertificateRow } from './certificates.js';
import { csvTable, type CsvValue } from './csv.js';
import type { EvaluationRow } from './evaluations.js';
import type { Tri } from './tri.js';

type Columns<Row> = readonly (readonly [name: string, value: (row: Row) => CsvValue])[];

/**
 * One row a planned benchmark, sorted by model, class, variant, benchmark. The first five are the reference's columns.
 * `state` is `ok` or why the numbers are empty; accuracies are fractions of 1; `delta` = value − baseline;
 * `regression` = delta < −limit.
 */
const EVALUATION: Columns<EvaluationRow> = [
  ['model', (row) => row.model],
  ['edit_type', (row) => row.variant],
  ['task', (row) => row.task],
  ['metric', (row) => row.metric],
  ['value', (row) => row.accuracy],
  ['class', (row) => row.class],
  ['benchmark', (row) => row.benchmark],
  ['state', (row) => row.state],
  ['stderr', (row) => row.stderr],
  ['n', (row) => row.n],
  ['baseline', (row) => row.baseline],
  ['delta', (row) => row.delta],
  ['limit', (row) => row.limit],
  ['regression', (row) => row.regression],
];

/**
 * One row a planned certificate, sorted by model, class, variant, run. The first twenty-one are the reference's columns.
 * Gates: `true`, `false`, `missing` (not said), `not_run` (guard not in the order), `not_evaluated` (overhead not measured);
 * `all_pass`, `overall_pass`, `flagged`: `true`, `false`, `unknown`. Lists are joined by `|`.
 */
const CERTIFICATE: Columns<CertificateRow> = [
  ['model', (row) => row.model],
  ['experiment', (row) => (row.class === 'error' ? 'errors' : row.variant)],
  ['run', (row) => `run_${row.run}`],
  ['edit_type', (row) => row.variant],
  ['pm_ratio', (row) => row.judgement?.pm.ratio ?? null],
  ['pm_ci_low', (row) => row.judgement?.ci?.low ?? null],
  ['pm_ci_high', (row) => row.judgement?.ci?.high ?? null],
  ['pm_threshold', (row) => row.judgement?.threshold ?? null],
  ['pm_acceptable', gate('primary_metric_acceptable')],
  ['pm_degraded', (row) => row.judgement?.degraded ?? null],
  ['preview_final_drift_acceptable', gate('preview_final_drift_acceptable')],
  ['invariants_pass', gate('invariants_pass')],
  ['spectral_stable', gate('spectral_stable')],
  ['rmt_stable', gate('rmt_stable')],
  ['all_pass', (row) => (row.judgement === null ? null : tri(row.judgement.allPass))],
  ['overall_pass', (row) => (row.judgement === null ? null : tri(row.judgement.overallPass))],
  ['hysteresis_applied', (row) => row.judgement?.hysteresisApplied ?? null],
  ['guard_overhead_acceptable', gate('guard_overhead_acceptable')],
  ['confidence_label', (row) => row.judgement?.confidenceLabel ?? null],
  ['triage', (row) => row.triage],
  ['triage_reason', (row) => row.judgement?.reasons.join('|') ?? row.refusal],
  ['class', (row) => row.class],
  ['state', (row) => row.state],
  ['refusal', (row) => row.refusal],
  ['flagged', (row) => tri(row.flagged)],
  ['repeats', (row) => (row.repeats === null ? null : `run_${row.repeats}`)],
  ['pm_kind', (row) => row.judgement?.pm.kind ?? null],
  ['pm_preview', (row) => row.judgement?.pm.preview ?? null],
  ['pm_final', (row) => row.judgement?.pm.final ?? null],
  ['tier', (row) => row.judgement?.tier ?? null],
  ['guards', (row) => row.guards.join('|')],
  ['guards_not_run', (row) => guardsNotRun(row.guards).join('|')],
  ['certificate', (row) => (row.judgement === null ? null : row.path)],
];

export function evaluationsCsv(rows: readonly EvaluationRow[]): string {
  return table(EVALUATION, rows);
}

export function certificatesCsv(rows: readonly CertificateRow[]): string {
  return table(CERTIFICATE, rows);
}

function table<Row>(columns: Columns<Row>, rows: readonly Row[]): string {
  return csvTable(
    columns.map(([name]) => name),
    rows.map((row) => columns.map(([, value]) => value(row))),
  );
}

function gate(
  name: keyof NonNullable<CertificateRow['judgement']>['gates'],
): (row: CertificateRow) => CsvValue {
  return (row) => {
    const status = row.judgement?.gates[name];
    if (status === undefined) return null;
    return status === 'pass' ? true : status === 'fail' ? false : status;
  };
}

function tri(value: Tri): CsvValue {
  return value ?? 'unknown';
}
