// The records of a cell's failures: a line in state/errors.json for each failed attempt and for a fault without one, and
// beside its attempts the fault it ended with.
import { complain } from '../../base/text/say.js';
import { messageOf } from '../../base/message.js';
import { redact } from '../../base/text/redact.js';
import { classOf } from '../../base/fault.js';
import { Journal } from '../records/journal.js';
import { writeFault } from '../records/last-fault.js';
import { suiteOf } from '../../suite/plan/planned.js';
import type { CellContext } from './context.js';
import type { CellFailure, FailedAttempt } from './failure.js';

/** @param again whether it is retried. */
export function recordFailedAttempt(
  { cell, journal }: CellContext,
  { fault, report, gpus }: FailedAttempt,
  again: boolean,
): void {
  const { code, message } = fault;
  if (code === 'cancelled') return;
  journal.error({
    at: report.endedAt,
    cell,
    attempt: report.number,
    code,
    class: classOf(code),
    message,
    log: report.log,
    gpus: [...gpus],
    again,
  });
}

/** The cell has ended with it. */
export function recordFailure(
  workspaceRoot: string,
  project: string,
  target: string,
  { fault, report }: CellFailure,
): void {
  const { code } = fault;
  const message = redact(fault.message);
  const cell = `${project}:${target}`;
  const journal = new Journal(workspaceRoot, suiteOf(project));
  journal.main(cell, `failed (${code}): ${message}`);
  // A failed attempt is there already: with its log, and whether it was retried.
  if (report === undefined) {
    const at = new Date().toISOString();
    const base = { at, cell, attempt: null, log: null, gpus: [], again: false };
    journal.error({ ...base, code, class: classOf(code), message });
  }
  try {
    writeFault(workspaceRoot, project, target, { code, message });
  } catch (error) {
    // A full disk, most likely: the cell's own message matters more than this one.
    complain(`its fault could not be recorded: ${messageOf(error)}`);
  }
}
