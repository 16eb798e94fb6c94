// Which cells of a suite are finished, and how long they took: where the progress of a run begins, and what it comes to.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readRegular } from '../../base/files.js';
import type { Finished } from '../lease/directory/progress-record.js';
import { kindOfTarget } from '../../suite/nx/targets.js';
import type { PlannedCell } from '../../suite/plan/planned.js';
import { isFinished } from './cell-states.js';
import { standingStates, type Standing } from './standing.js';

/**
 * By the receipts in output/<suite> alone, without the plan: cheap enough for the moment in which a run begins. Whether they
 * stand is told by the first look of `refreshProgress`, a second later.
 */
export function cellsWithReceipt(workspaceRoot: string, suite: string): Finished[] {
  const root = join(workspaceRoot, 'output', suite);
  let names: string[];
  try {
    names = readdirSync(root, { recursive: true, encoding: 'utf8' });
  } catch {
    return [];
  }
  return byUnit(
    names.filter((name) => name.endsWith('receipt.json')).flatMap((name) => finished(join(root, name))),
  );
}

/** Those of the plan that are finished, as every place counts them. */
export function finishedCells(cells: readonly PlannedCell[], standing: Standing): Finished[] {
  const states = standingStates(cells, standing);
  return byUnit(
    cells
      .filter(({ id }) => isFinished(states.get(id)))
      .flatMap(({ id, parts }) =>
        parts.flatMap(({ receipt }) => measured(id, standing.receipts.get(receipt)?.runSeconds)),
      ),
  );
}

type Measured = Finished & { seconds: number };

function byUnit(found: readonly Measured[]): Finished[] {
  const parts = new Map<string, number>();
  for (const { cell } of found) parts.set(cell, (parts.get(cell) ?? 0) + 1);
  return found.map(({ seconds, ...one }) => {
    // Receipts do not tell how many benchmarks an evaluation of all took: it says only that it is finished.
    if (one.cell.endsWith(':eval')) return one;
    // Each part of a batch tells how long all of them took together.
    return { ...one, seconds: seconds / (parts.get(one.cell) ?? 1) };
  });
}

function finished(path: string): Measured[] {
  let receipt: { cell?: unknown; runSeconds?: unknown } | null;
  try {
    receipt = JSON.parse(readRegular(path).toString()) as typeof receipt;
  } catch {
    return [];
  }
  return measured(receipt?.cell, receipt?.runSeconds);
}

function measured(cell: unknown, seconds: unknown): Measured[] {
  if (typeof cell !== 'string' || typeof seconds !== 'number') return [];
  const [project = '', target = ''] = cell.split(':');
  const kind = kindOfTarget(target);
  const model = project.split('.')[1];
  return kind === undefined || model === undefined ? [] : [{ cell, model, kind, seconds }];
}
