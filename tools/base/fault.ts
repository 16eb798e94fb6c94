// A fault, which is why a cell failed: a typed cause, a sentence, and what to do. All that ends a cell badly becomes one.

import { messageOf } from './message.js';

/** Causes Python reports by its exit code (validation/job.py), in that order. */
export const FAULT_CODES = [
  /** Something the cell reads is missing, damaged or replaced. */
  'bad_input',
  /** The edit or error cannot be applied to this model. */
  'bad_edit',
  /** A setting or a library's configuration is wrong, or something may not be accessed. */
  'misconfigured',
  /** Weights that the cell reads are not in the store, and no cell rebuilds them. */
  'weights_missing',
  /** The memory of a GPU ran out. */
  'out_of_memory',
  /** The disk is full, or less is free than must stay free. */
  'disk_full',
  /** The hub or the network does not answer for now. */
  'unavailable',
  /** An error in this suite or a library that has no other name. */
  'internal',
  /** The memory of the host ran out. */
  'host_out_of_memory',
  /** The hub answers and refuses: a token is missing, or a licence is not accepted. */
  'hub_refused',
] as const;

/** Those, and causes only the executor sees: in the log of a process that said none, in its end, or around it. */
export type FaultCode =
  | (typeof FAULT_CODES)[number]
  /** A directory may not be written. */
  | 'read_only'
  /** A CUDA kernel failed an assertion. */
  | 'device_assert'
  /** Python ended badly, and neither it nor its log says why. */
  | 'unknown'
  /** Python was ended by a signal other than SIGKILL. */
  | 'crashed'
  /** Python did not end within its time. */
  | 'timeout'
  /** Python was ended by SIGKILL, and nobody says why. */
  | 'killed'
  /** The run was cancelled. */
  | 'cancelled'
  /** This host is taken away (the end of an allocation) before the cell could end. */
  | 'deadline'
  /** The node of a cell's job was lost, or the job was preempted. */
  | 'node_lost'
  /** A job reached a time limit that was made of measured durations, before its cell's own time-out. */
  | 'time_limit'
  /** The lease was revoked by hand (`nx leases --break`), or the cell's job was cancelled by hand. */
  | 'broken'
  /** Python ended well but left a result out. */
  | 'missing_result'
  /** What a cell runs in is unusable: Python, nvidia-smi, the lock directory, the site's settings. */
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
  'gpu_memory' | 'host_memory' | 'killed' | 'transient' | 'lost' | 'unknown' | 'permanent' | 'cancelled';

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
    // Nobody's fault: tried again as often as it happens, and counted as no try.
    case 'node_lost':
    case 'time_limit':
      return 'lost';
    case 'unknown':
    case 'crashed':
      return 'unknown';
    case 'cancelled':
    case 'deadline':
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

/**
 * What was thrown, as a fault: mostly a disk that is full or may not be written.
 *
 * @param known the cause, where whoever caught the error knows it.
 */
export function asFault(error: unknown, known?: FaultCode): Fault {
  if (error instanceof Fault) return error;
  const message = messageOf(error);
  if (known !== undefined) return new Fault(known, message);
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? '';
  if (['ENOSPC', 'EDQUOT'].includes(code)) {
    return new Fault('disk_full', message, 'Free some space. The same command then goes on.');
  }
  if (['EROFS', 'EACCES', 'EPERM'].includes(code)) {
    return new Fault('read_only', message, 'Make the directory writable, or name another in site.yaml.');
  }
  return new Fault('internal', message);
}
