// Why a cell failed: a typed cause, a sentence, what to do. Everything that ends a cell badly becomes one of these.

import { messageOf } from './message.js';

/** Causes Python reports by its exit code (validation/job.py), in that order. */
export const FAULT_CODES = [
  'bad_input',
  'bad_edit',
  'misconfigured',
  'weights_missing',
  'out_of_memory',
  'disk_full',
  'unavailable',
  'internal',
  'host_out_of_memory',
  'hub_refused',
] as const;

/** Those, and causes only the executor sees: in the log of a process that said none, in its end, or around it. */
export type FaultCode =
  | (typeof FAULT_CODES)[number]
  | 'read_only'
  | 'device_assert'
  | 'unknown'
  | 'crashed'
  | 'timeout'
  | 'killed'
  | 'cancelled'
  | 'broken'
  | 'missing_result'
  | 'environment';

/** Exit code of the first of FAULT_CODES. */
const FIRST_EXIT_CODE = 80;

export function faultCodeOfExit(exitCode: number): FaultCode | undefined {
  return FAULT_CODES[exitCode - FIRST_EXIT_CODE];
}

export function isFaultCode(code: string): code is (typeof FAULT_CODES)[number] {
  return (FAULT_CODES as readonly string[]).includes(code);
}

/** What causes have in common, as far as trying again goes. */
export type FaultClass =
  'gpu_memory' | 'host_memory' | 'killed' | 'transient' | 'unknown' | 'permanent' | 'cancelled';

/** Missing weights are made again by the cell that misses them; a cell that took all its time will take it again. */
export function classOf(code: FaultCode): FaultClass {
  switch (code) {
    case 'out_of_memory':
      return 'gpu_memory';
    case 'host_out_of_memory':
      return 'host_memory';
    // Without a record of the kernel's a SIGKILL is anybody's: tried as often as a lack of memory, and as it was.
    case 'killed':
      return 'killed';
    case 'unavailable':
      return 'transient';
    case 'unknown':
    case 'crashed':
      return 'unknown';
    case 'cancelled':
      return 'cancelled';
    case 'bad_input':
    case 'bad_edit':
    case 'misconfigured':
    case 'weights_missing':
    case 'disk_full':
    case 'read_only':
    case 'device_assert':
    case 'internal':
    case 'hub_refused':
    case 'timeout':
    case 'missing_result':
    case 'broken':
    case 'environment':
      return 'permanent';
  }
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

/** What the executor itself could not do as a fault: mostly a disk that is full or may not be written. */
export function asFault(error: unknown): Fault {
  if (error instanceof Fault) return error;
  const message = messageOf(error);
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? '';
  if (['ENOSPC', 'EDQUOT'].includes(code)) {
    return new Fault('disk_full', message, 'Free some space. The same command then goes on.');
  }
  if (['EROFS', 'EACCES', 'EPERM'].includes(code)) {
    return new Fault('read_only', message, 'Make the directory writable, or name another in site.yaml.');
  }
  return new Fault('internal', message);
}
