// How a cell fails, as a value: its fault, and the attempt that failed if one was begun. Exceptions and the failures of
// the seams below (lease, inputs) become faults here and nowhere else.
import { asFault, Fault, type FaultCode } from '../../base/fault.js';
import { fail, ok, type Result } from '../../base/result.js';
import type { EngineFailure } from '../engine/engine.js';
import type { ReadFailure } from '../records/reads.js';
import type { AttemptReport } from '../records/receipt.js';
import { DISK_HINT } from '../store/disk.js';

/** An attempt that started Python and did not end well. */
export interface FailedAttempt {
  fault: Fault;
  report: AttemptReport;
  /** Of the lease: how many, and their indices as nvidia-smi counts. */
  gpus: readonly number[];
}

export type CellFailure = FailedAttempt | { fault: Fault; report?: undefined };

/** The cell ends without an attempt having failed. */
export function failed(fault: Fault): { ok: false; error: CellFailure } {
  return fail({ fault });
}

export function faultOfEngine(failure: EngineFailure): Fault {
  switch (failure.reason) {
    case 'cancelled':
      return new Fault('cancelled', failure.message);
    case 'refused':
      return new Fault('disk_full', failure.message, DISK_HINT);
    case 'impossible':
    case 'unusable':
      return new Fault('environment', failure.message);
    case 'job':
      return failure.fault;
  }
}

export function faultOfRead({ reason, message }: ReadFailure): Fault {
  switch (reason) {
    case 'missing':
    case 'unreadable':
      return new Fault('bad_input', message, 'Run the cell that makes it, or restore the file.');
  }
}

/**
 * Run `body`; what it throws becomes a fault. Every exception on a cell's way ends here.
 *
 * @param code of what says nothing of its cause, such as what nvidia-smi or a settings file is wrong with; without one
 * the error itself is looked at.
 */
export async function caught<T>(body: () => T | Promise<T>, code?: FaultCode): Promise<Result<T, Fault>> {
  try {
    return ok(await body());
  } catch (error) {
    return fail(asFault(error, code));
  }
}
