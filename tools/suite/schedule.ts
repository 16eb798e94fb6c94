// What the scheduler needs to know of a cell's place in its plan: how much waits for it, and what follows it.
import { CELL_KINDS, type Cell, type CellId, type CellKind } from './cell.js';
import { weightsGiB } from './memory.js';

export interface Schedule {
  /** Cells of the same model. */
  cellsOfModel: number;
  /** Cells that wait for this one, directly or not. */
  blocks: number;
  /** Weights that the whole suite writes, by size class. */
  suiteGiB: number;
  /** The sequences of kinds that follow it, up to cells nothing waits for; none that is part of another. */
  chains: CellKind[][];
}

export const NO_SCHEDULE: Schedule = { cellsOfModel: 1, blocks: 0, suiteGiB: 0, chains: [] };

/** Of every cell of a plan. */
export function schedules(cells: readonly Cell[]): ReadonlyMap<CellId, Schedule> {
  const dependents = new Map<CellId, Cell[]>(cells.map(({ id }) => [id, []]));
  for (const cell of cells) for (const id of cell.dependsOn) dependents.get(id)?.push(cell);
  const perModel = new Map<string, number>();
  for (const { model } of cells) perModel.set(model, (perModel.get(model) ?? 0) + 1);
  const suiteGiB = cells.reduce((sum, { parts, sizeClass }) => {
    const written = parts.filter(({ link }) => link !== undefined).length;
    return sum + written * weightsGiB(sizeClass);
  }, 0);
  const known = new Map<CellId, Followers>();
  return new Map(
    cells.map((cell) => {
      const { after, chains } = followers(cell.id, dependents, known);
      return [cell.id, { cellsOfModel: perModel.get(cell.model) ?? 0, blocks: after.size, suiteGiB, chains }];
    }),
  );
}

interface Followers {
  after: ReadonlySet<CellId>;
  chains: CellKind[][];
}

function followers(
  id: CellId,
  dependents: ReadonlyMap<CellId, readonly Cell[]>,
  known: Map<CellId, Followers>,
): Followers {
  const before = known.get(id);
  if (before !== undefined) return before;
  const after = new Set<CellId>();
  const chains = new Map<string, CellKind[]>();
  for (const cell of dependents.get(id) ?? []) {
    const next = followers(cell.id, dependents, known);
    after.add(cell.id);
    for (const one of next.after) after.add(one);
    for (const rest of next.chains.length > 0 ? next.chains : [[]]) {
      const chain = [cell.kind, ...rest];
      chains.set(chain.join(), chain);
    }
  }
  const found = { after, chains: withoutShorter([...chains.values()]).sort(byKinds) };
  known.set(id, found);
  return found;
}

/** A chain whose kinds all occur in another, in their order, takes no longer than it. */
function withoutShorter(chains: readonly CellKind[][]): CellKind[][] {
  return chains.filter(
    (chain) => !chains.some((other) => other.length > chain.length && isWithin(chain, other)),
  );
}

function isWithin(chain: readonly CellKind[], other: readonly CellKind[]): boolean {
  let found = 0;
  for (const kind of other) if (kind === chain[found]) found += 1;
  return found === chain.length;
}

function byKinds(a: readonly CellKind[], b: readonly CellKind[]): number {
  const rank = (chain: readonly CellKind[]): string => chain.map((kind) => CELL_KINDS.indexOf(kind)).join();
  return rank(a) < rank(b) ? -1 : 1;
}
