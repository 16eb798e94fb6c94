// Whether a cell is finished already: one look at its receipts, which takes no lease and runs nothing.
import { fail, ok, type Result } from '../../base/result.js';
import { openCell, type CellRun } from './context.js';
import { caught } from './failure.js';
import { pendingParts } from './pending.js';

/** Ok when all its receipts stand; else why they do not, in a few words. */
export async function stands(run: CellRun): Promise<Result<undefined, string>> {
  const looked = await caught(() => look(run));
  return looked.ok ? looked.value : fail(looked.error.message);
}

async function look(run: CellRun): Promise<Result<undefined, string>> {
  const opened = await openCell(run);
  if (!opened.ok) return fail(opened.error.message);
  const reasons: string[] = [];
  const pending = await pendingParts(opened.value, (reason) => reasons.push(reason));
  return pending.length === 0 ? ok(undefined) : fail(reasons.join('; '));
}
