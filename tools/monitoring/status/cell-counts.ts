// How many cells of a suite, and of each of its models, are in which state.
import {
  countCells,
  type CellState,
  type Counts,
  type StatedCell,
} from '../../execution/records/cell-states.js';
import type { GeneratedCell } from '../../suite/nx/generated.js';

export type StatusCell = Pick<GeneratedCell, 'model' | 'kind' | 'sizeClass'> &
  StatedCell & {
    /** See `unitsOf`. */
    units: number;
    /** See `workOf`. */
    work: number;
  };

export function countStates(
  cells: readonly StatusCell[],
  states: ReadonlyMap<string, CellState>,
): { all: Counts; models: Record<string, Counts> } {
  const stateOf = ({ id }: StatusCell): CellState => states.get(id) ?? 'not_started';
  const models = [...new Set(cells.map(({ model }) => model))];
  return {
    all: countCells(cells.map(stateOf)),
    models: Object.fromEntries(
      models.map((name) => [name, countCells(cells.filter(({ model }) => model === name).map(stateOf))]),
    ),
  };
}
