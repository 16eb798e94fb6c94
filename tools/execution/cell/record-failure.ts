// Puts the fault a cell ended with on record: beside its attempts, and, where no attempt did, in state/errors.json.
import { messageOf } from '../../base/message.js';
import { redact } from '../../base/redact.js';
import { classOf, type Fault } from '../../base/fault.js';
import { Journal } from '../records/journal.js';
import { writeFault } from '../records/last-fault.js';
import { suiteOf } from '../../suite/plan/planned.js';
import { FailedAttempt } from './tries.js';

export function recordFault(workspaceRoot: string, project: string, target: string, fault: Fault): void {
  const { code } = fault;
  const message = redact(fault.message);
  const cell = `${project}:${target}`;
  const journal = new Journal(workspaceRoot, suiteOf(project));
  journal.main(cell, `failed (${code}): ${message}`);
  // Attempts put themselves there: each with its log, and whether it is tried again.
  if (!(fault instanceof FailedAttempt)) {
    const at = new Date().toISOString();
    const base = { at, cell, attempt: null, log: null, gpus: [], again: false };
    journal.error({ ...base, code, class: classOf(code), message });
  }
  try {
    writeFault(workspaceRoot, project, target, { code, message });
  } catch (error) {
    // A full disk, most likely: the cell's own message matters more than this one.
    console.error(`its fault could not be recorded: ${messageOf(error)}`);
  }
}
