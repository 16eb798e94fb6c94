// Where each cell of a suite stands, from its receipts, its fault, and who holds or waits for a lease: the one list of states.
import { isOver, type LastFault } from './last-fault.js';
import type { GeneratedCell } from '../../suite/nx/generated.js';

/**
 * Finished are `done`: ran in this workspace, its receipt stands; and `cached`: restored from Nx's cache. The others are not.
 * `failed`: its last attempt did, also where results of an earlier one stand; `blocked`: waits for a cell that failed;
 * `outdated`: has results, and parameters, inputs, code or versions are others now: it will run again.
 */
export const CELL_STATES = [
  'done',
  'cached',
  'running',
  'waiting',
  'failed',
  'blocked',
  'outdated',
  'not_started',
] as const;
export type CellState = (typeof CELL_STATES)[number];

export interface ReceiptFacts {
  /** UTC, ISO-8601. */
  endedAt: string;
  /** Its file is younger than the run it tells of: Nx put it there. */
  restored: boolean;
  outdated: boolean;
}

export interface CellFacts {
  /** Ids of cells that hold a lease. */
  running: ReadonlySet<string>;
  /** Ids of cells with a ticket. */
  waiting: ReadonlySet<string>;
  /** By path of the receipt. */
  receipts: ReadonlyMap<string, ReceiptFacts>;
  /** By cell. */
  faults: ReadonlyMap<string, LastFault>;
}

export type StatedCell = Pick<GeneratedCell, 'id' | 'dependsOn'> & {
  /** Their paths: one a part. */
  receipts: readonly string[];
};

export function cellStates(cells: readonly StatedCell[], facts: CellFacts): ReadonlyMap<string, CellState> {
  const states = new Map(cells.map((cell) => [cell.id, ownState(cell, facts)]));
  const byId = new Map(cells.map((cell) => [cell.id, cell]));
  const behindFailed = new Map<string, boolean>();
  const isBlocked = (id: string): boolean => {
    const known = behindFailed.get(id);
    if (known !== undefined) return known;
    behindFailed.set(id, false);
    const blocked = (byId.get(id)?.dependsOn ?? []).some(
      (other) => states.get(other) === 'failed' || (!isFinished(states.get(other)) && isBlocked(other)),
    );
    behindFailed.set(id, blocked);
    return blocked;
  };
  for (const { id } of cells)
    if (states.get(id) === 'not_started' && isBlocked(id)) states.set(id, 'blocked');
  return states;
}

export function isFinished(state: CellState | undefined): boolean {
  return state === 'done' || state === 'cached';
}

export type Counts = Record<CellState, number> & { total: number };

export function countCells(states: Iterable<CellState>): Counts {
  const zeros = Object.fromEntries(CELL_STATES.map((state) => [state, 0])) as Record<CellState, number>;
  const counts = { total: 0, ...zeros };
  for (const state of states) {
    counts.total += 1;
    counts[state] += 1;
  }
  return counts;
}

export interface FinishedCount {
  total: number;
  finished: number;
}

export function finishedOf({ total, ...counts }: Counts): FinishedCount {
  const states = CELL_STATES.filter(isFinished);
  return { total, finished: states.reduce((sum, state) => sum + counts[state], 0) };
}

/** `40 of 84 cells finished`: so every command, file and page says it. */
export function finishedText({ total, finished }: FinishedCount): string {
  return finished === total ? `all ${total} cells finished` : `${finished} of ${total} cells finished`;
}

function ownState({ id, receipts: paths }: StatedCell, facts: CellFacts): CellState {
  if (facts.running.has(id)) return 'running';
  if (facts.waiting.has(id)) return 'waiting';
  const receipts = paths.flatMap((path) => facts.receipts.get(path) ?? []);
  const whole = receipts.length === paths.length;
  const fault = facts.faults.get(id);
  const endedAt = paths.map((path) => facts.receipts.get(path)?.endedAt);
  if (fault !== undefined && !isOver(fault, endedAt)) return 'failed';
  if (!whole) return 'not_started';
  if (receipts.some(({ outdated }) => outdated)) return 'outdated';
  return receipts.every(({ restored }) => restored) ? 'cached' : 'done';
}
