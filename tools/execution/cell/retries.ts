// The retries of one cell: what its failed attempts leave to the next one, and the step from one to the next.
import { monotonicMs } from '../../base/clock.js';
import type { Fault } from '../../base/fault.js';
import { adjustedBatch, batchOf, hasReferenceWindows, type Retries } from './retry/adjustment.js';
import type { CellContext } from './context.js';
import type { CellFailure, FailedAttempt } from './failure.js';
import { recordFailedAttempt } from './record-failure.js';
import { decideRetry, type RetryDecision } from './retry/retry.js';

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
