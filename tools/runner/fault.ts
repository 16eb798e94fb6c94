// Why a cell failed: a typed cause, a sentence, what to do. Everything that ends a cell badly becomes one of these.

export const FAULT_CODES = [
  'bad_input',
  'bad_edit',
  'misconfigured',
  'weights_missing',
  'out_of_memory',
  'disk_full',
  'unavailable',
  'internal',
] as const;

/** Causes Python reports, and those only the executor sees. */
export type FaultCode =
  (typeof FAULT_CODES)[number] | 'timeout' | 'killed' | 'cancelled' | 'missing_result' | 'environment';

/** Exit codes of the Python side (validation/job.py), in the order of FAULT_CODES. */
const FIRST_EXIT_CODE = 80;

export function faultCodeOfExit(exitCode: number): FaultCode | undefined {
  return FAULT_CODES[exitCode - FIRST_EXIT_CODE];
}

export class Fault extends Error {
  constructor(
    readonly code: FaultCode,
    message: string,
    readonly hint = '',
  ) {
    super(message);
  }
}
