// The decision about a failed cell: whether it is retried, when, and with what changed. Pure.
import type { CellKind } from '../../../suite/model/cell.js';
import type { Adjustment } from './adjustment.js';
import { classOf, type FaultClass, type FaultCode } from '../../../base/fault.js';

export interface RetryLimits {
  /** Retries after a passing or unknown cause. */
  maxRetries: number;
  /** Retries after memory ran out, of a GPU or of the host. */
  maxOomRetries: number;
  /** Seconds before the first retry, and the longest such wait. */
  backoffSeconds: number;
  maxBackoffSeconds: number;
}

export interface FailedAttempts {
  kind: CellKind;
  /** Causes of the attempts so far, the latest last. */
  failures: readonly FaultCode[];
  /** As the last attempt ran. */
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
  { again: true; waitMs: number; adjustment: Adjustment; reason: string } | { again: false; reason: string };

/** @param random from 0 up to 1, for the jitter. */
export function decideRetry(attempts: FailedAttempts, limits: RetryLimits, random: number): RetryDecision {
  const last = attempts.failures.at(-1) ?? 'unknown';
  const group = classOf(last);
  const counted = attempts.failures.filter((code) => classOf(code) !== 'lost');
  if (group === 'lost') {
    const lost = attempts.failures.length - counted.length;
    const { adjustment } = attempts;
    return {
      again: true,
      waitMs: backoffMs(lost, limits, random),
      adjustment,
      reason: 'as before; it counts as no try',
    };
  }
  const most = limitOf(group, limits);
  if (most === 0) return { again: false, reason: `${last} does not pass by itself` };
  const before = counted.filter((code) => classOf(code) === group).length;
  // A cause that changes its name at every attempt does not go on for ever either.
  const all = counted.length;
  if (before > most || all > Math.max(limits.maxRetries, limits.maxOomRetries)) {
    return { again: false, reason: `${all} ${all === 1 ? 'attempt' : 'attempts'} ended badly` };
  }
  const less = lessenFor(group, attempts);
  if (less === undefined) return { again: false, reason: 'nothing is left to lessen' };
  return { again: true, waitMs: backoffMs(all, limits, random), ...less };
}

/** Base · 2^(attempts − 1), at most the longest, ± 20 %. */
export function backoffMs(
  attempts: number,
  { backoffSeconds, maxBackoffSeconds }: RetryLimits,
  random: number,
): number {
  const seconds = Math.min(maxBackoffSeconds, backoffSeconds * 2 ** (attempts - 1));
  return Math.round(seconds * 1_000 * (0.8 + 0.4 * random));
}

function limitOf(group: FaultClass, { maxRetries, maxOomRetries }: RetryLimits): number {
  switch (group) {
    case 'gpu_memory':
    case 'host_memory':
    case 'killed':
      return maxOomRetries;
    case 'transient':
    case 'lost':
    case 'unknown':
      return maxRetries;
    case 'permanent':
    case 'cancelled':
      return 0;
  }
}

interface Lessened {
  adjustment: Adjustment;
  reason: string;
}

function lessenFor(group: FaultClass, attempts: FailedAttempts): Lessened | undefined {
  const same = { adjustment: attempts.adjustment, reason: 'as before' };
  switch (group) {
    case 'gpu_memory':
      break;
    case 'host_memory':
      // Loading takes the host's memory, not the batch, unless there is no GPU to hold it.
      if (attempts.gpus > 0) return same;
      break;
    case 'killed':
    case 'transient':
    case 'lost':
    case 'unknown':
    case 'permanent':
    case 'cancelled':
      return same;
  }
  if (attempts.batch === undefined) return same;
  return attempts.kind === 'eval' ? halveBatch(attempts) : (halveBatchOnce(attempts) ?? oneMoreGpu(attempts));
}

function halveBatch({ adjustment, batch, referenceWindows }: FailedAttempts): Lessened | undefined {
  if (batch === undefined || batch <= 1) return undefined;
  const { batchDivisor, lengthDivisor } = adjustment;
  return {
    adjustment: {
      ...adjustment,
      batchDivisor: batchDivisor * 2,
      lengthDivisor: referenceWindows ? lengthDivisor * 2 : lengthDivisor,
    },
    reason: `batch ${batch} → ${Math.max(1, Math.floor(batch / 2))}`,
  };
}

/** Calibrations and certificates give up windows and lengths never: the batch once, then a GPU more. */
function halveBatchOnce(attempts: FailedAttempts): Lessened | undefined {
  return attempts.adjustment.batchDivisor === 1 || attempts.referenceWindows
    ? halveBatch(attempts)
    : undefined;
}

function oneMoreGpu({ adjustment, gpus, pool }: FailedAttempts): Lessened | undefined {
  if (gpus === 0 || gpus >= pool) return undefined;
  return {
    adjustment: { ...adjustment, extraGpus: adjustment.extraGpus + 1 },
    reason: `${gpus} → ${gpus + 1} GPUs`,
  };
}
