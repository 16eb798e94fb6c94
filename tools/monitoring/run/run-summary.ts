// The run summary, printed after a run and its verdict: root causes with what waits for them, errors on record, a short disk.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readIfThere } from '../../base/files.js';
import { rootCauses, type RootCause } from './blocked.js';
import type { PlannedCell } from '../../suite/plan/planned.js';
import { metDeadline } from '../../execution/progress/deadline-record.js';
import { pressurePath } from '../../execution/store/disk.js';
import { faultLogPath, readFaultLog, type FaultRecord } from '../../execution/records/fault-log.js';
import { cellStates, isFinished, type ReceiptFacts } from '../../execution/records/cell-states.js';
import { readFaults } from '../../execution/records/last-fault.js';
import { readReceipt } from '../../execution/records/receipt.js';

const SHOWN_CELLS = 8;
const SHOWN_ERRORS = 5;

/** @param since when the run began, milliseconds since the epoch. */
export function runSummary(
  workspaceRoot: string,
  suite: string,
  cells: readonly PlannedCell[],
  since: number,
): string[] {
  const errors = readFaultLog(workspaceRoot, suite).faults.filter(({ at }) => Date.parse(at) >= since);
  return [
    ...causeLines(causesOf(workspaceRoot, cells)),
    ...errorLines(errors, suite),
    ...pressureLines(workspaceRoot, suite, since),
    ...deadlineLines(workspaceRoot, suite, cells, since),
  ];
}

function causesOf(workspaceRoot: string, cells: readonly PlannedCell[]): RootCause[] {
  const faults = readFaults(workspaceRoot, cells);
  const states = statesOf(workspaceRoot, cells, faults);
  const failed = [...faults].filter(([id]) => states.get(id) === 'failed');
  const finished = cells.flatMap(({ id }) => (isFinished(states.get(id)) ? [id] : []));
  return rootCauses(cells, new Map(failed.map(([id, { sentence }]) => [id, sentence])), new Set(finished));
}

function statesOf(
  workspaceRoot: string,
  cells: readonly PlannedCell[],
  faults: ReturnType<typeof readFaults>,
): ReturnType<typeof cellStates> {
  const receipts = new Map<string, ReceiptFacts>();
  for (const path of cells.flatMap(receiptsOf)) {
    const endedAt = readReceipt(join(workspaceRoot, path))?.endedAt;
    if (endedAt !== undefined) receipts.set(path, { endedAt, restored: false, outdated: false });
  }
  // The run has ended: nobody holds or waits for a lease of it.
  const facts = { running: new Set<string>(), waiting: new Set<string>(), receipts, faults };
  return cellStates(
    cells.map((cell) => ({ id: cell.id, dependsOn: [], receipts: receiptsOf(cell) })),
    facts,
  );
}

const receiptsOf = ({ parts }: PlannedCell): string[] => parts.map(({ receipt }) => receipt);

export function causeLines(causes: readonly RootCause[]): string[] {
  return causes.flatMap(({ cell, fault, blocked }) => {
    const shown = blocked.slice(0, SHOWN_CELLS).join(', ');
    const more = blocked.length > SHOWN_CELLS ? `, … (${blocked.length})` : '';
    return [
      `  ${cell} failed: ${fault.split('\n')[0] ?? ''}`,
      ...(blocked.length === 0 ? [] : [`    waiting for it: ${shown}${more}`]),
    ];
  });
}

export function errorLines(errors: readonly FaultRecord[], suite: string): string[] {
  if (errors.length === 0) return [];
  const totals = new Map<string, number>();
  for (const { code } of errors) totals.set(code, (totals.get(code) ?? 0) + 1);
  const counts = [...totals].sort((a, b) => b[1] - a[1]).map(([code, count]) => `${count} ${code}`);
  const again = errors.filter((error) => error.again).length;
  return [
    `  errors in this run: ${counts.join(', ')} (${again} of ${errors.length} tried again); all in ${faultLogPath(suite)}`,
    ...errors
      .slice(-SHOWN_ERRORS)
      .map(({ at, cell, code, message }) => `    ${at} ${cell} ${code}: ${message.split('\n')[0] ?? ''}`),
  ];
}

/** The closing line of a run that the end of its allocation stopped. */
function deadlineLines(
  workspaceRoot: string,
  suite: string,
  cells: readonly PlannedCell[],
  since: number,
): string[] {
  if (!metDeadline(workspaceRoot, suite, since)) return [];
  const states = statesOf(workspaceRoot, cells, readFaults(workspaceRoot, cells));
  const left = cells.filter(({ id }) => !isFinished(states.get(id))).length;
  const when = process.env.VALIDATION_DEADLINE ?? 'its deadline';
  return [
    `  the run ended in time before this host is taken away (${when}): ${left} of ${cells.length} cells are left. The same command goes on with them.`,
  ];
}

function pressureLines(workspaceRoot: string, suite: string, since: number): string[] {
  const path = join(workspaceRoot, pressurePath(suite));
  if (!existsSync(path)) return [];
  try {
    const found = JSON.parse(readIfThere(path) ?? '{}') as {
      detected_at?: string;
      free_gb?: number;
      min_free_gb?: number;
    };
    if (Date.parse(found.detected_at ?? '') < since) return [];
    return [
      `  the run ended for want of disk: ${found.free_gb ?? '?'} GiB free, ${found.min_free_gb ?? '?'} GiB stay free (MIN_FREE_DISK_GB).`,
      `    See what can go: npx nx run ${suite}:clean --dry-run. The same command then goes on.`,
    ];
  } catch {
    return [];
  }
}
