// Which cells did not run because of which failed one: each root cause once, with all that waits for it. Pure.
import { makersFor, makersOf, type PlannedCell } from '../../suite/plan/planned.js';

export interface RootCause {
  cell: string;
  /** `code: sentence` of its fault. */
  fault: string;
  /** Cells that wait for it, directly or not, in the order of the plan. */
  blocked: string[];
}

/**
 * @param faults cell → the fault its last run ended with.
 * @param finished cells whose receipts stand.
 */
export function rootCauses(
  cells: readonly PlannedCell[],
  faults: ReadonlyMap<string, string>,
  finished: ReadonlySet<string>,
): RootCause[] {
  const makers = makersOf(cells);
  const needs = new Map(cells.map((cell) => [cell.id, makersFor(cell, makers).map(({ id }) => id)]));
  const rootsOf = new Map<string, ReadonlySet<string>>();
  const roots = (id: string): ReadonlySet<string> => {
    const known = rootsOf.get(id);
    if (known !== undefined) return known;
    rootsOf.set(id, new Set());
    const above = finished.has(id) ? [] : (needs.get(id) ?? []).flatMap((need) => [...roots(need)]);
    // A cell that failed itself is a root, whatever it waits for.
    const found = new Set(faults.has(id) && !finished.has(id) ? [id] : above);
    rootsOf.set(id, found);
    return found;
  };
  return cells.flatMap(({ id }) => {
    const fault = faults.get(id);
    if (fault === undefined || finished.has(id)) return [];
    const blocked = cells
      .filter((other) => other.id !== id && roots(other.id).has(id))
      .map((other) => other.id);
    return [{ cell: id, fault, blocked }];
  });
}
