// One attempt of a cell under its lease: the worker session, the publication of what it made, and the report of both.
import { Fault } from '../../base/fault.js';
import { redact } from '../../base/text/redact.js';
import { fail, ok, type Result } from '../../base/result.js';
import { readPool } from '../lease/gpus/pool.js';
import type { HeldLease } from '../lease/hold.js';
import type { PendingPart } from '../records/pending-part.js';
import type { AttemptReport } from '../records/receipt.js';
import { newAttempt, tidyAttempt, type Attempt } from '../worker/attempt.js';
import { exitCodeOf, signalNumber } from '../worker/classify.js';
import { lastLines, logEnd } from '../worker/log-file.js';
import { UsageMeter } from '../worker/usage.js';
import { describeAdjustment, type Adjustment, type Retries } from './retry/adjustment.js';
import type { CellContext } from './context.js';
import { caught, type FailedAttempt } from './failure.js';
import { finishParts } from './finish.js';
import { runWorker } from './worker-session.js';

/** What finished of a batch is published also where the attempt fails. */
export async function runAttempt(
  context: CellContext,
  pending: readonly PendingPart[],
  lease: HeldLease,
  { reports, adjustment }: Pick<Retries, 'reports' | 'adjustment'>,
): Promise<Result<undefined, FailedAttempt>> {
  const { workspaceRoot, project, target, settings } = context;
  const attempt = newAttempt(workspaceRoot, project, target);
  const startedAt = new Date();
  using meter = new UsageMeter({
    gpus: lease.record.gpus,
    grantedAt: Date.parse(lease.record.grantedAt),
    beganAt: startedAt.getTime(),
    readGpus: () => readPool(settings, context.directory),
  });
  const report = (exitCode: number, fault?: Fault): AttemptReport =>
    reportOf(context, { attempt, lease, adjustment, startedAt }, exitCode, fault);
  const indices = lease.record.gpuIndices;
  const { number, logName } = attempt;
  tell(context, indices, `attempt ${number} begins`, `${onGpus(indices)}, log ${logName}`);

  const session = await caught(() => runWorker(context, pending, { attempt, lease, meter, adjustment }));
  const worker = session.ok ? session.value : undefined;
  let fault = session.ok ? session.value.fault : session.error;
  if (worker !== undefined) {
    const whole = pending.filter(({ part }) => fault === undefined || worker.wholeParts.has(part.name));
    const attempts = (): AttemptReport[] => [...reports, report(0)];
    const madeBy = { attempt, lease, startedAt, meter, settings: worker.settings, attempts };
    const finished = await caught(() => finishParts(context, whole, madeBy));
    // Why Python failed matters more than that its finished parts could not be kept.
    if (!finished.ok) fault ??= finished.error;
  }
  tidyAttempt(attempt);

  const outcome = fault === undefined ? 'ok' : `failed (${fault.code}): ${fault.message}`;
  tell(context, indices, `attempt ${number} ends: ${outcome}`);
  if (fault === undefined) return ok(undefined);
  const exitCode = worker === undefined ? 1 : exitCodeOf(worker.end, signalNumber);
  return fail({ fault: explain(fault, attempt, indices), report: report(exitCode, fault), gpus: indices });
}

/** In the suite's log and in that of each GPU; the former has more to say. */
function tell({ cell, journal }: CellContext, gpus: readonly number[], line: string, more = ''): void {
  journal.main(cell, `${line}${more}`);
  journal.gpus(gpus, cell, line);
}

function reportOf(
  { options }: CellContext,
  of: { attempt: Attempt; lease: HeldLease; adjustment: Adjustment; startedAt: Date },
  exitCode: number,
  fault?: Fault,
): AttemptReport {
  const spec = options.parts[0]?.spec ?? {};
  const changed = describeAdjustment(options.kind, spec, of.adjustment);
  return {
    number: of.attempt.number,
    log: of.attempt.logName,
    exitCode,
    ...(fault === undefined ? {} : { cause: fault.code }),
    ...(Object.keys(changed).length === 0 ? {} : { changed }),
    startedAt: of.startedAt.toISOString(),
    endedAt: new Date().toISOString(),
    gpus: of.lease.record.gpus,
  };
}

/** Adds what a reader needs to see the cause: the last lines that matter, the log's path, the GPU. */
function explain(fault: Fault, attempt: Attempt, gpus: readonly number[]): Fault {
  if (fault.code === 'cancelled' || fault.code === 'broken') return fault;
  const tail = lastLines(redact(logEnd(attempt.log))).map((line) => `  | ${line}`);
  const lines = [
    redact(fault.hint),
    ...(tail.length > 0 ? ['Last lines of its log:', ...tail] : []),
    `Log: ${attempt.logName}`,
    gpus.length > 0 ? `GPU: ${gpus.join(', ')}` : '',
  ];
  return new Fault(fault.code, redact(fault.message), lines.filter((line) => line !== '').join('\n'));
}

function onGpus(indices: readonly number[]): string {
  return indices.length === 0 ? '' : ` on GPU ${indices.join(', ')}`;
}
