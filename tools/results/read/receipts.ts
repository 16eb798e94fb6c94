// Which parts of the plan have finished, by their receipts, and why the others have not.
import type { FinishedCount } from '../../execution/records/cell-states.js';
import { type Files, type Missing, parseFile } from './files.js';
import type { ExpectedPart } from './expected.js';
import { type ReceiptFile, receiptSchema } from './schema.js';

/** What else is known of cells; both are optional because a receipt alone already tells finished from unfinished. */
export interface CellKnowledge {
  /** Cell id → the sentence its last attempt failed with. */
  faults?: ReadonlyMap<string, string>;
  /** Why the receipt does not stand for this part as it is planned now, and as its files are; null where it does. */
  outdated?: (part: ExpectedPart, receipt: ReceiptFile) => Outdated | null;
}

type Outdated = Pick<Missing, 'reason' | 'detail'>;

export interface Finished {
  /** Receipt paths of finished parts. */
  receipts: ReadonlySet<string>;
  missing: Missing[];
  cells: FinishedCount;
  /** Ids of cells whose results stand, while their last attempt failed: they are not finished, and nothing of them is missing. */
  failedAgain: string[];
}

/**
 * A part has finished when it has a receipt that reads and is of the planned parameters; a cell when all of its parts have,
 * and its last attempt did not fail. `cellStates` tells the same of cells: a test compares.
 */
export function finishedParts(parts: readonly ExpectedPart[], files: Files, known: CellKnowledge): Finished {
  const receipts = new Set<string>();
  const missing: Missing[] = [];
  for (const part of parts) {
    const why = unfinished(part, files, known);
    if (why === null) receipts.add(part.receipt);
    else missing.push({ cell: part.cell, path: part.receipt, ...why });
  }
  const cells = [...new Set(parts.map((part) => part.cell))];
  const open = new Set(missing.map((one) => one.cell));
  const failedAgain = cells.filter((cell) => !open.has(cell) && known.faults?.has(cell) === true);
  const finished = cells.length - open.size - failedAgain.length;
  return { receipts, missing, cells: { total: cells.length, finished }, failedAgain };
}

function unfinished(part: ExpectedPart, files: Files, known: CellKnowledge): Outdated | null {
  const receipt = parseFile(files, part.receipt, receiptSchema);
  const outdated = receipt.ok ? (known.outdated?.(part, receipt.value) ?? null) : null;
  if (receipt.ok && outdated === null) return null;
  const fault = known.faults?.get(part.cell);
  if (fault !== undefined) return { reason: 'failed', detail: fault };
  if (outdated !== null) return outdated;
  if (receipt.ok) return null;
  if (receipt.reason === 'unreadable') return { reason: 'unreadable', detail: receipt.detail };
  return { reason: 'not_run', detail: 'no receipt' };
}
