// All a run's files are made of: the analysis, what receipts say of the runs behind it, the memory plan, the faults.
import type { Analysis } from './analyse.js';
import type { MissingReason } from '../read/files.js';
import type { MemoryPlan, MemoryRow } from '../outputs/memory-plan.js';
import { compare } from '../../base/compare.js';
import type { VerdictPlan } from '../read/expected.js';
import { type CellRecord, lastRecords } from '../read/records.js';

/** A fault on record: the last of a cell, or one line of state/errors.json. */
export interface FaultRecord {
  at: string;
  cell: string;
  code: string;
  message: string;
  attempt: number | null;
  /** Workspace path. */
  log: string | null;
  /** Whether the cell was tried again by itself. */
  again: boolean;
}

export interface CellState {
  cell: string;
  status: 'finished' | MissingReason;
  /** Why it is not finished, or what its result lacks. */
  detail: string;
  /** Null before it has run, or where its receipt does not say. */
  record: CellRecord | null;
}

export interface Findings {
  analysis: Analysis;
  /** Every planned cell, by name. */
  cells: readonly CellState[];
  memory: readonly MemoryRow[];
  records: readonly CellRecord[];
  faults: readonly FaultRecord[];
  /** Lines of state/errors.json that are no record. */
  unreadableFaults: number;
}

/** What needs a person first says what a cell is. */
const WORST: readonly MissingReason[] = ['failed', 'unreadable', 'absent', 'incomplete', 'stale', 'not_run'];

export function cellStates(
  plan: VerdictPlan,
  analysis: Analysis,
  records: readonly CellRecord[],
): CellState[] {
  const last = lastRecords(records);
  const missing = new Map<string, Analysis['missing']>();
  for (const one of analysis.missing) missing.set(one.cell, [...(missing.get(one.cell) ?? []), one]);
  return plan.cells
    .map(({ id }): CellState => {
      const ones = missing.get(id) ?? [];
      const worst = WORST.find((reason) => ones.some((one) => one.reason === reason));
      return {
        cell: id,
        status: worst ?? 'finished',
        detail: ones
          .filter((one) => one.reason === worst)
          .map(({ path, detail }) => `${path}: ${detail}`)
          .join('; '),
        record: last.get(id) ?? null,
      };
    })
    .sort((a, b) => compare(a.cell, b.cell));
}

export function memoryRows(plan: readonly MemoryPlan[], cells: readonly CellState[]): MemoryRow[] {
  const states = new Map(cells.map((state) => [state.cell, state]));
  return plan
    .map((one) => {
      const state = states.get(one.cell);
      return { ...one, status: state?.status ?? 'not_run', record: state?.record ?? null };
    })
    .sort((a, b) => compare(a.cell, b.cell));
}
