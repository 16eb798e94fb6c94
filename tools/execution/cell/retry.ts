// Whether a failed cell is tried again, when, and with what changed. Pure.
import type { CellKind } from '../../suite/model/cell.js';
import type { Adjustment } from './adjustment.js';
import { classOf, type FaultClass, type FaultCode } from '../../base/fault.js';

export interface RetryLimits {
  /** New tries after a passing or unknown cause. */
  maxRetries: number;
  /** New tries after memory ran out, of a GPU or of the host. */
  maxOomRetries: number;
  /** Seconds before the first new try, and the longest such wait. */
  backoffSeconds: number;
  maxBackoffSeconds: number;
}

export interface FailedTries {
  kind: CellKind;
  /** Causes of the tries so far, the latest last. */
  failures: readonly FaultCode[];
  /** As the last try ran. */
  adjustment: Adjustment;
  /** Its batch; undefined for kinds without one. */
  batch: number | undefined;
  /** GPUs it held, and how many there are in all. */
  gpus: number;
  pool: number;
  /** `windows: reference`. */
  referenceWindows: boolean;
}

export type RetryDecision =
  { again: true; waitMs: number; adjustment: Adjustment; why: string } | { again: false; why: string };

/** @param random from 0 up to 1, for the jitter. */
export function nextTry(tries: FailedTries, limits: RetryLimits, random: number): RetryDecision {
  const last = tries.failures.at(-1) ?? 'unknown';
  const group = classOf(last);
  const most = limitOf(group, limits);
  if (most === 0) return { again: false, why: `${last} does not pass by itself` };
  const before = tries.failures.filter((code) => classOf(code) === group).length;
  // A cause that changes its name at every try does not go on for ever either.
  const all = tries.failures.length;
  if (before > most || all > Math.max(limits.maxRetries, limits.maxOomRetries)) {
    return { again: false, why: `${all} ${all === 1 ? 'try' : 'tries'} ended badly` };
  }
  const less = lessenFor(group, tries);
  if (less === undefined) return { again: false, why: 'nothing is left to lessen' };
  return { again: true, waitMs: backoffMs(all, limits, random), ...less };
}

/** Base · 2^(tries − 1), at most the longest, ± 20 %. */
export function backoffMs(
  tries: number,
  { backoffSeconds, maxBackoffSeconds }: RetryLimits,
  random: number,
): number {
  const seconds = Math.min(maxBackoffSeconds, backoffSeconds * 2 ** (tries - 1));
  return Math.round(seconds * 1_000 * (0.8 + 0.4 * random));
}

function limitOf(group: FaultClass, { maxRetries, maxOomRetries }: RetryLimits): number {
  switch (group) {
    case 'gpu_memory':
    case 'host_memory':
    case 'killed':
      return maxOomRetries;
    case 'transient':
    case 'unknown':
      return maxRetries;
    case 'permanent':
    case 'cancelled':
      return 0;
  }
}

interface Lessened {
  adjustment: Adjustment;
  why: string;
}

function lessenFor(group: FaultClass, tries: FailedTries): Lessened | undefined {
  const same = { adjustment: tries.adjustment, why: 'as before' };
  switch (group) {
    case 'gpu_memory':
      break;
    case 'host_memory':
      // Loading takes the host's memory, not the batch, unless there is no GPU to hold it.
      if (tries.gpus > 0) return same;
      break;
    case 'killed':
    case 'transient':
    case 'unknown':
    case 'permanent':
    case 'cancelled':
      return same;
  }
  if (tries.batch === undefined) return same;
  return tries.kind === 'eval' ? halveBatch(tries) : (halveBatchOnce(tries) ?? oneMoreGpu(tries));
}

function halveBatch({ adjustment, batch, referenceWindows }: FailedTries): Lessened | undefined {
  if (batch === undefined || batch <= 1) return undefined;
  const { batchDivisor, lengthDivisor } = adjustment;
  return {
    adjustment: {
      ...adjustment,
      batchDivisor: batchDivisor * 2,
      lengthDivisor: referenceWindows ? lengthDivisor * 2 : lengthDivisor,
    },
    why: `batch ${batch} → ${Math.max(1, Math.floor(batch / 2))}`,
  };
}

/** Calibrations and certificates give up windows and lengths never: the batch once, then a GPU more. */
function halveBatchOnce(tries: FailedTries): Lessened | undefined {
  return tries.adjustment.batchDivisor === 1 || tries.referenceWindows ? halveBatch(tries) : undefined;
}

function oneMoreGpu({ adjustment, gpus, pool }: FailedTries): Lessened | undefined {
  if (gpus === 0 || gpus >= pool) return undefined;
  return {
    adjustment: { ...adjustment, extraGpus: adjustment.extraGpus + 1 },
    why: `${gpus} → ${gpus + 1} GPUs`,
  };
}
