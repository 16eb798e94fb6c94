// What became of each planned cell, as its result files and its receipt tell.
import { compare } from '../../base/compare.js';
import type { VerdictPlan } from '../read/expected.js';
import type { MissingReason } from '../read/files.js';
import { type CellRecord, lastRecords } from '../read/records.js';
import type { Analysis } from './analyse.js';

export interface CellResult {
  cell: string;
  /** Whether the verdict can use what the cell left; the reasons are about files, not about where the cell stands now. */
  status: 'finished' | MissingReason;
  /** Why it is not finished, or what its result lacks. */
  detail: string;
  /** Null before it has run, or where its receipt does not say. */
  record: CellRecord | null;
}

/** What needs a person first says what a cell is. */
const WORST: readonly MissingReason[] = [
  'failed',
  'altered',
  'unreadable',
  'absent',
  'mismatched',
  'incomplete',
  'stale',
  'not_run',
];

export function cellResults(
  plan: VerdictPlan,
  analysis: Analysis,
  records: readonly CellRecord[],
): CellResult[] {
  const last = lastRecords(records);
  const missing = new Map<string, Analysis['missing']>();
  for (const one of analysis.missing) missing.set(one.cell, [...(missing.get(one.cell) ?? []), one]);
  return plan.cells
    .map(({ id }): CellResult => {
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
