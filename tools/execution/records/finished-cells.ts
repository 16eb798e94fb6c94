// Which cells of a suite have receipts, and how long they took: where the progress of a run begins.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readRegular } from '../../base/files.js';
import type { Finished } from '../lease/directory/progress-record.js';
import { kindOfTarget } from '../../suite/nx/targets.js';

/** By the receipts in output/<suite>; what cannot be read counts as unfinished. */
export function finishedCells(workspaceRoot: string, suite: string): Finished[] {
  const root = join(workspaceRoot, 'output', suite);
  let names: string[];
  try {
    names = readdirSync(root, { recursive: true, encoding: 'utf8' });
  } catch {
    return [];
  }
  const found = names
    .filter((name) => name.endsWith('receipt.json'))
    .flatMap((name) => finished(join(root, name)));
  const parts = new Map<string, number>();
  for (const { cell } of found) parts.set(cell, (parts.get(cell) ?? 0) + 1);
  return found.map(({ seconds, ...one }) => {
    // Receipts do not tell how many benchmarks an evaluation of all took: it says only that it is finished.
    if (one.cell.endsWith(':eval')) return one;
    // Each part of a batch tells how long all of them took together.
    return { ...one, seconds: seconds / (parts.get(one.cell) ?? 1) };
  });
}

function finished(path: string): (Finished & { seconds: number })[] {
  let receipt: { cell?: unknown; runSeconds?: unknown } | null;
  try {
    receipt = JSON.parse(readRegular(path).toString()) as typeof receipt;
  } catch {
    return [];
  }
  const { cell, runSeconds } = receipt ?? {};
  if (typeof cell !== 'string' || typeof runSeconds !== 'number') return [];
  const [project = '', target = ''] = cell.split(':');
  const kind = kindOfTarget(target);
  const model = project.split('.')[1];
  return kind === undefined || model === undefined ? [] : [{ cell, model, kind, seconds: runSeconds }];
}
