// How the cells of a suite stand by what is on the disk: one look at their receipts, at whether these still stand for the
// plan, and at their last faults. Whoever counts or judges cells begins with it, so that all come to the same numbers.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { PlannedCell } from '../../suite/plan/planned.js';
import { cellStates, type CellFacts, type CellState, type ReceiptFacts } from './cell-states.js';
import { readFaults } from './last-fault.js';
import { outdatedReceipts, type Outdated } from './outdated.js';
import { readReceipt, type Receipt } from './receipt.js';

/** A receipt is written as its cell ends; a file that is younger by more was put there by Nx. */
const RESTORED_AFTER_MS = 5_000;

export type MeasuredReceipt = ReceiptFacts & Pick<Receipt, 'runSeconds' | 'startSeconds'>;

export interface Standing extends Pick<CellFacts, 'faults'> {
  /** By path of the receipt. */
  receipts: ReadonlyMap<string, MeasuredReceipt>;
  outdated: ReadonlyMap<string, Outdated>;
}

type Planned = PlannedCell & { dependsOn?: readonly string[] };

/** @param outdated what an earlier look found: telling it reads every result. */
export async function readStanding(
  workspaceRoot: string,
  cells: readonly PlannedCell[],
  outdated?: ReadonlyMap<string, Outdated>,
): Promise<Standing> {
  const paths = cells.flatMap(receiptsOf);
  const read = new Map(
    paths.flatMap((path) => {
      const receipt = readReceipt(join(workspaceRoot, path));
      return receipt === undefined ? [] : [[path, receipt] as const];
    }),
  );
  const stale = outdated ?? (await outdatedReceipts(workspaceRoot, cells, (path) => read.get(path)));
  const receipts = new Map(
    [...read].flatMap(([path, { endedAt, runSeconds, startSeconds }]) => {
      const writtenMs = statSync(join(workspaceRoot, path), { throwIfNoEntry: false })?.mtimeMs;
      if (writtenMs === undefined) return [];
      const restored = writtenMs - Date.parse(endedAt) > RESTORED_AFTER_MS;
      return [[path, { endedAt, runSeconds, startSeconds, restored, outdated: stale.has(path) }] as const];
    }),
  );
  return { receipts, outdated: stale, faults: readFaults(workspaceRoot, cells) };
}

/** Where nobody holds or waits for a lease of them, as after a run. */
export function standingStates(
  cells: readonly Planned[],
  standing: Standing,
): ReadonlyMap<string, CellState> {
  return cellStates(
    cells.map((cell) => ({
      id: cell.id,
      dependsOn: [...(cell.dependsOn ?? [])],
      receipts: receiptsOf(cell),
    })),
    { running: new Set(), waiting: new Set(), ...standing },
  );
}

function receiptsOf({ parts }: PlannedCell): string[] {
  return parts.map(({ receipt }) => receipt);
}
