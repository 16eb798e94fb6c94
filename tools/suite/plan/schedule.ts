// What the scheduler needs to know of a cell's place in its plan: how much waits for it, and what follows it.
import { CELL_KINDS, type CellKind, type CellOptions } from '../model/cell.js';
import { asMapping, type JsonValue } from '../../base/json-value.js';
import { evaluationUnits, type Asked } from './benchmark-tokens.js';
import { storedGiB } from '../memory/memory.js';

/** A cell to come: its kind, and how many measured units of work it is (see `unitsOf`). */
export type Step = [kind: CellKind, units: number];

/** A cell's place in its plan. Nothing of other models is in it: an edit more of one makes no project of another anew. */
export interface Place {
  /** Units of work of the cell itself. */
  units: number;
  /** Cells of the same model. */
  cellsOfModel: number;
  /** Cells that wait for this one, directly or not. */
  blocks: number;
  /** The model's weights at its source, where they are known. */
  sourceGiB?: number;
  /** The cell's own limit, where suite.yaml gives one. */
  timeoutSeconds?: number;
  /** The sequences of cells that follow it, up to cells nothing waits for; none that is part of another. */
  chains: Step[][];
}

export interface Schedule extends Place {
  /** Weights that the whole suite writes. */
  suiteGiB: number;
}

export const NO_PLACE: Place = { units: 1, cellsOfModel: 1, blocks: 0, chains: [] };

/** A cell as the scheduler's plans know it. */
export type ScheduledCell = CellOptions & {
  id: string;
  sourceGiB?: number;
  timeoutSeconds?: number;
  dependsOn: readonly string[];
};

/**
 * What a cell's duration is counted in: benchmarks of an evaluation by the tokens that are computed for them, edits of a
 * batch; other kinds are one each.
 */
export function unitsOf({ kind, parts }: Pick<CellOptions, 'kind' | 'parts'>): number {
  if (kind === 'edit') return parts.length;
  const spec = kind === 'eval' ? parts[0]?.spec : undefined;
  if (spec === undefined || !Array.isArray(spec.benchmarks)) return 1;
  return evaluationUnits(spec.benchmarks.map(askedOf), {
    limit: typeof spec.limit === 'number' ? spec.limit : Infinity,
    shared: spec.shared_prefix === 'auto',
  });
}

function askedOf(benchmark: JsonValue): Asked {
  const { task, fewshot, generates } = asMapping(benchmark) ?? {};
  return {
    task: typeof task === 'string' ? task : '',
    fewshot: typeof fewshot === 'number' ? fewshot : 0,
    ...(typeof generates === 'number' ? { generates } : {}),
  };
}

/** Of every cell of a plan. */
export function places(cells: readonly ScheduledCell[]): ReadonlyMap<string, Place> {
  const dependents = new Map<string, ScheduledCell[]>(cells.map(({ id }) => [id, []]));
  for (const cell of cells) for (const id of cell.dependsOn) dependents.get(id)?.push(cell);
  const perModel = new Map<string, number>();
  for (const { model } of cells) perModel.set(model, (perModel.get(model) ?? 0) + 1);
  const known = new Map<string, Followers>();
  return new Map(
    cells.map((cell) => {
      const { after, chains } = followers(cell.id, dependents, known);
      const cellsOfModel = perModel.get(cell.model) ?? 0;
      const { sourceGiB, timeoutSeconds } = cell;
      const own = {
        ...(sourceGiB === undefined ? {} : { sourceGiB }),
        ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
      };
      return [cell.id, { units: unitsOf(cell), cellsOfModel, blocks: after.size, ...own, chains }];
    }),
  );
}

/** Weights that the whole suite writes, by the sizes of its models' files where they are known, else by size class. */
export function writtenGiB(cells: readonly ScheduledCell[]): number {
  const sum = cells.reduce((total, cell) => {
    const written = cell.parts.filter(({ link }) => link !== undefined).length;
    return total + written * storedGiB(cell);
  }, 0);
  return Number(sum.toFixed(6));
}

interface Followers {
  after: ReadonlySet<string>;
  chains: Step[][];
}

function followers(
  id: string,
  dependents: ReadonlyMap<string, readonly ScheduledCell[]>,
  known: Map<string, Followers>,
): Followers {
  const before = known.get(id);
  if (before !== undefined) return before;
  const after = new Set<string>();
  const chains = new Map<string, Step[]>();
  for (const cell of dependents.get(id) ?? []) {
    const next = followers(cell.id, dependents, known);
    after.add(cell.id);
    for (const one of next.after) after.add(one);
    for (const rest of next.chains.length > 0 ? next.chains : [[]]) {
      const chain: Step[] = [[cell.kind, unitsOf(cell)], ...rest];
      chains.set(chain.join(), chain);
    }
  }
  const found = { after, chains: withoutShorter([...chains.values()]).sort(bySteps) };
  known.set(id, found);
  return found;
}

/** A chain whose steps all occur in another, in their order and no smaller, takes no longer than it. */
function withoutShorter(chains: readonly Step[][]): Step[][] {
  return chains.filter((chain) => !chains.some((other) => other !== chain && isWithin(chain, other)));
}

function isWithin(chain: readonly Step[], other: readonly Step[]): boolean {
  let found = 0;
  for (const [kind, units] of other) {
    const step = chain[found];
    if (step?.[0] === kind && step[1] <= units) found += 1;
  }
  return found === chain.length;
}

function bySteps(a: readonly Step[], b: readonly Step[]): number {
  const rank = (chain: readonly Step[]): string =>
    chain.map(([kind, units]) => `${CELL_KINDS.indexOf(kind)}.${units}`).join();
  return rank(a) < rank(b) ? -1 : 1;
}
