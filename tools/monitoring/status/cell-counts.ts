// How many cells of a suite, and of each of its models, are in which state.
import {
  CELL_STATES,
  type CellState,
  type ReceiptFacts,
  type StatedCell,
} from '../../execution/records/cell-states.js';
import type { GeneratedCell } from '../../suite/nx/generated.js';

export interface MeasuredReceipt extends ReceiptFacts {
  runSeconds: number;
  startSeconds: number | null;
}

export type StatusCell = Pick<GeneratedCell, 'model' | 'kind' | 'sizeClass'> &
  StatedCell & {
    /** See `unitsOf`. */
    units: number;
  };

export type Counts = Record<CellState, number> & { total: number };

export function countStates(
  cells: readonly StatusCell[],
  states: ReadonlyMap<string, CellState>,
): { all: Counts; models: Record<string, Counts> } {
  const all = noCounts();
  const models: Record<string, Counts> = {};
  for (const { id, model } of cells) {
    const state = states.get(id) ?? 'not_started';
    for (const counts of [all, (models[model] ??= noCounts())]) {
      counts.total += 1;
      counts[state] += 1;
    }
  }
  return { all, models };
}

function noCounts(): Counts {
  const zeros = Object.fromEntries(CELL_STATES.map((state) => [state, 0])) as Record<CellState, number>;
  return { total: 0, ...zeros };
}
