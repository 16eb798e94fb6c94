// What the live page shows at one moment: the status, the last faults, and from when the report is. One look serves all readers.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { monotonicMs } from '../../base/clock.js';
import { shownJson } from '../../base/text/say.js';
import { readFaultLog, type FaultRecord } from '../../execution/records/fault-log.js';
import { finishedOf, finishedText, type FinishedCount } from '../../execution/records/cell-states.js';
import { openText } from '../status/status-text.js';
import { readStatus, type OutdatedCache } from '../status/read-status.js';
import type { Status } from '../status/status.js';

export interface Snapshot {
  status: Status;
  /** The same as `status.cells`, counted, and in the words of every other place. */
  progress: FinishedCount & { text: string; open: string };
  faults: Pick<FaultRecord, 'at' | 'cell' | 'code' | 'message' | 'again'>[];
  /** When the report was made, UTC; null where there is none. */
  reportAt: string | null;
}

const KEPT_MS = 1_500;
const SHOWN_FAULTS = 10;

/** JSON of a snapshot, without secrets; made anew when the last is older than a second or two, and once at a time. */
export function snapshots(workspaceRoot: string, suite: string, reportPath: string): () => Promise<string> {
  let cache: OutdatedCache | undefined;
  let made: { atMs: number; json: Promise<string> } | undefined;
  const make = async (): Promise<string> => {
    const { status, cache: next } = await readStatus(workspaceRoot, suite, cache);
    cache = next;
    const { faults } = readFaultLog(workspaceRoot, suite);
    const last = faults.slice(-SHOWN_FAULTS).reverse();
    const snapshot: Snapshot = {
      status,
      progress: progressOf(status),
      faults: last.map(({ at, cell, code, message, again }) => ({ at, cell, code, message, again })),
      reportAt:
        statSync(join(workspaceRoot, reportPath), { throwIfNoEntry: false })?.mtime.toISOString() ?? null,
    };
    return shownJson(snapshot);
  };
  return () => {
    if (made === undefined || monotonicMs() - made.atMs > KEPT_MS) {
      const json = make();
      const mine = { atMs: Infinity, json };
      made = mine;
      // Its age counts from its end: a look that takes long is not begun again beside itself.
      json.then(
        () => (mine.atMs = monotonicMs()),
        () => {
          if (made === mine) made = undefined;
        },
      );
    }
    return made.json;
  };
}

export function progressOf({ cells }: Pick<Status, 'cells'>): Snapshot['progress'] {
  const count = finishedOf(cells);
  return { ...count, text: finishedText(count), open: openText(cells) };
}
