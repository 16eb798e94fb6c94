// The original script's names of tasks, by which time-outs are given, and which cell has which. FETCH_DATA,
// BASELINE_REPORT, EVAL_ERROR, ADOPT_CHECKPOINT, TRUE_BASELINE, COMPARE_ANSWERS, CERTIFY_012 and RUN_PROGRAM are this suite's own. docs/formulas.md#tasks-and-base-priorities
import type { CellKind } from './cell.js';

export const TASK_NAMES = [
  'FETCH_DATA',
  'SETUP_BASELINE',
  'CALIBRATION_RUN',
  'GENERATE_PRESET',
  'BASELINE_REPORT',
  'EVAL_BASELINE',
  'CREATE_EDITS_BATCH',
  'CREATE_EDIT',
  'EVAL_EDIT',
  'EVAL_MMLU',
  'EVAL_HELLASWAG',
  'EVAL_ARC',
  'EVAL_WINOGRANDE',
  'CERTIFY_EDIT',
  'CREATE_ERROR',
  'CERTIFY_ERROR',
  'EVAL_ERROR',
  'ADOPT_CHECKPOINT',
  'TRUE_BASELINE',
  'COMPARE_ANSWERS',
  'CERTIFY_012',
  'RUN_PROGRAM',
] as const;
export type TaskName = (typeof TASK_NAMES)[number];

/** The original script's name of a cell: `EVAL_MMLU` for the target `eval-mmlu` of an edit, `EVAL_EDIT` for its `eval`. */
export function taskName(kind: CellKind, variant: string, target: string): TaskName | `EVAL_${string}` {
  switch (kind) {
    case 'data':
      return 'FETCH_DATA';
    case 'setup':
      return 'SETUP_BASELINE';
    case 'calibrate':
      return 'CALIBRATION_RUN';
    case 'preset':
      return 'GENERATE_PRESET';
    case 'baseline':
      return 'BASELINE_REPORT';
    case 'edit':
      return variant === 'edits' ? 'CREATE_EDITS_BATCH' : 'CREATE_EDIT';
    case 'adopt':
      return 'ADOPT_CHECKPOINT';
    case 'inject':
      return 'CREATE_ERROR';
    case 'certify':
      return variant.startsWith('error_') ? 'CERTIFY_ERROR' : 'CERTIFY_EDIT';
    case 'guards':
      return 'TRUE_BASELINE';
    case 'regression':
      return 'COMPARE_ANSWERS';
    case 'certify012':
      return 'CERTIFY_012';
    case 'program':
      return 'RUN_PROGRAM';
    case 'eval': {
      if (variant === 'baseline') return 'EVAL_BASELINE';
      if (variant.startsWith('error_')) return 'EVAL_ERROR';
      const benchmark = target.replace(/^eval-?/, '');
      return benchmark === '' ? 'EVAL_EDIT' : `EVAL_${benchmark.toUpperCase()}`;
    }
  }
}

/** Seconds a cell may take: its own limit, else by the original script's name of it, by its kind, or the default; 0 means no limit. */
export function timeoutOf(
  settings: { timeoutSeconds: number; taskTimeouts: Readonly<Record<string, number>> },
  cell: { kind: CellKind; variant: string; target: string; own?: number | undefined },
): number {
  const names = [taskName(cell.kind, cell.variant, cell.target), cell.kind.toUpperCase()];
  const given = names.map((name) => settings.taskTimeouts[name]).find((value) => value !== undefined);
  return cell.own ?? given ?? settings.timeoutSeconds;
}
