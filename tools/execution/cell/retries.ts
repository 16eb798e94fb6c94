// The retries of one cell: what its failed attempts leave to the next one, and the step from one to the next.
import { monotonicMs } from '../../base/clock.js';
import type { Fault, FaultCode } from '../../base/fault.js';
import type { AttemptReport } from '../records/receipt.js';
import { AS_PLANNED, adjustedBatch, batchOf, hasReferenceWindows, type Adjustment } from './adjustment.js';
import type { CellContext } from './context.js';
import type { CellFailure, FailedAttempt } from './failure.js';
import { recordFailedAttempt } from './record-failure.js';
import { decideRetry, type RetryDecision } from './retry.js';

export interface Retries {
  /** Of the attempts that failed, for the receipt of the one that ends well. */
  reports: readonly AttemptReport[];
  /** Their causes, the latest last. */
  failures: readonly FaultCode[];
  /** What the next attempt does otherwise than planned. */
  adjustment: Adjustment;
  /** When it may begin (`monotonicMs`): its ticket backs off until then, in its place in the queue. */
  notBeforeMs: number;
}

export const NO_RETRIES: Retries = { reports: [], failures: [], adjustment: AS_PLANNED, notBeforeMs: 0 };

/** What follows a failure, which is then on record; undefined when the cell ends with it. */
export function nextRetry(context: CellContext, retries: Retries, failure: CellFailure): Retries | undefined {
  if (failure.report === undefined) return undefined;
  const { fault, report } = failure;
  const failures = [...retries.failures, fault.code];
  const decision = decide(context, { ...retries, failures }, failure);
  recordFailedAttempt(context, failure, decision.again);
  if (!decision.again) return undefined;
  context.log(retryText(fault, decision));
  return {
    reports: [...retries.reports, report],
    failures,
    adjustment: decision.adjustment,
    notBeforeMs: monotonicMs() + decision.waitMs,
  };
}

function decide(
  { options, settings, machine }: CellContext,
  { failures, adjustment }: Retries,
  { gpus }: FailedAttempt,
): RetryDecision {
  const { kind } = options;
  const spec = options.parts[0]?.spec ?? {};
  const batch = batchOf(kind, spec);
  const attempts = {
    kind,
    failures,
    adjustment,
    batch: batch === undefined ? undefined : adjustedBatch(batch, adjustment),
    gpus: gpus.length,
    pool: machine.pool.length,
    referenceWindows: hasReferenceWindows(kind, spec),
  };
  return decideRetry(attempts, settings, Math.random());
}

function retryText({ code, message }: Fault, { waitMs, reason }: RetryDecision & { again: true }): string {
  const seconds = (waitMs / 1_000).toFixed(waitMs < 10_000 ? 1 : 0);
  return `failed (${code}): ${message}; tries again in ${seconds} s, ${reason}`;
}
