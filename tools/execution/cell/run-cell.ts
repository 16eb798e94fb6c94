// The way of a cell, from top to bottom: receipt → Python → lease → receipt → attempt → publish → retry by cause.
import { messageOf } from '../../base/message.js';
import { monotonicMs } from '../../base/clock.js';
import { Fault } from '../../base/fault.js';
import { ok, type Result } from '../../base/result.js';
import { suiteOf } from '../../suite/plan/planned.js';
import { runWork } from '../engine/engine.js';
import { localEngine } from '../engine/local.js';
import { countFinished } from '../lease/count-finished.js';
import { cutFault, cutMs, requireTime } from '../lease/deadline.js';
import type { HeldLease } from '../lease/hold.js';
import type { LeaseRequest } from '../lease/ticket.js';
import type { PendingPart } from '../records/pending-part.js';
import { isAltered } from '../store/altered.js';
import { requireDisk } from '../store/disk.js';
import { gpuMemoryFreed } from '../worker/gpu-memory.js';
import { evictMade, evictReadWeights, referToWeights, stageReads } from './cell-weights.js';
import {
  isRemote,
  openCell,
  withInputs,
  type CellContext,
  type CellOutcome,
  type CellRun,
  type PassEnd,
} from './context.js';
import { caught, failed, faultOfEngine, type CellFailure } from './failure.js';
import { leaseRequest, type EarlierPasses } from './lease-request.js';
import { grantedParts, pendingParts, without } from './pending.js';
import { madePython } from './python.js';
import { rebuildWeights } from './rebuild.js';
import { NO_RETRIES } from './retry/adjustment.js';
import { nextRetry } from './retries.js';

/** Who evicts weights that often between the look at them and the lease is no other run of this suite. */
const MOST_EVICTIONS = 20;

/** Run one cell to its receipts. Where it fails nothing but whole parts is published, and the lease is given back. */
export async function runCell(run: CellRun): Promise<Result<CellOutcome, CellFailure>> {
  const ended = await caught(() => receiptToReceipt(run));
  return ended.ok ? ended.value : failed(ended.error);
}

async function receiptToReceipt(run: CellRun): Promise<Result<CellOutcome, CellFailure>> {
  const opened = await openCell(run);
  if (!opened.ok) return failed(opened.error);
  const context = opened.value;
  const ended = await passes(context, run);
  // What its own signal did not cancel was cut for the time that is left.
  const isCut = !run.signal.aborted && Date.now() >= cutMs(context.settings);
  if (ended.ok || ended.error.fault.code !== 'cancelled' || !isCut) return ended;
  return failed(cutFault(context.settings));
}

async function passes(context: CellContext, run: CellRun): Promise<Result<CellOutcome, CellFailure>> {
  // Receipts that stand end the cell without a lease.
  const pending = await pendingParts(context, context.log);
  if (pending.length === 0) {
    await countReused(context);
    return ok('reused');
  }
  // Before the lease, which nobody is to hold meanwhile. What was made is looked at from the start.
  if (await madePython(context)) return receiptToReceipt(run);

  // Each pass takes a lease. There are several where disk is short (a batch is made in parts), where weights are evicted
  // before they can be used, and where an attempt failed. Between two passes nothing is held.
  const queuedAtMs = monotonicMs();
  let retries = context.job?.retries ?? NO_RETRIES;
  let evictions = 0;
  let made: readonly PendingPart[] = [];
  let isFinished = false;
  while (!isFinished) {
    const pass = await runPass(context, without(pending, made), { made, queuedAtMs, retries });
    if (!pass.ok) {
      // In a job: its head decides about the next try.
      if (context.job !== undefined) return pass;
      const retry = nextRetry(context, retries, pass.error);
      if (retry === undefined) return pass;
      retries = retry;
      evictions = 0;
      continue;
    }
    switch (pass.value.end) {
      case 'made':
        made = [...made, ...pass.value.parts];
        isFinished = without(pending, made).length === 0;
        break;
      case 'made elsewhere':
        isFinished = true;
        break;
      case 'weights evicted':
        evictions += 1;
        if (evictions === MOST_EVICTIONS) return failed(weightsEvicted());
    }
  }

  if (context.settings.storageKeep !== 'all' && context.job === undefined)
    await tidy(context, () => evictReadWeights(context));
  return ok(made.length > 0 ? 'ran' : 'reused');
}

/** One pass: receipts once more, attempt, publication; here under a lease, or in a job elsewhere. */
async function runPass(
  context: CellContext,
  open: readonly PendingPart[],
  earlier: EarlierPasses,
): Promise<Result<PassEnd, CellFailure>> {
  requireDisk(context.disk);
  // Before the lease: what rebuilds them takes one of its own.
  const rebuilt = await rebuildWeights(context, runCell);
  if (!rebuilt.ok) return rebuilt;

  const request = leaseRequest(context, open, earlier);
  const { settings, signal, directory, log } = context;
  if (isRemote(context)) {
    const { remotePass } = await import('./remote.js');
    return remotePass(context, open, earlier, request);
  }
  requireTime(settings, context, request.standing);
  const run = (lease: HeldLease, ending: AbortSignal): ReturnType<typeof runPass> =>
    underLease({ ...context, signal: ending }, earlier, request, lease);
  const engine = localEngine(directory, request.poolGiB);
  const done = await runWork<Result<PassEnd, CellFailure>, 'here'>(
    engine,
    { asked: request, here: { request, run }, log },
    signal,
  );
  return done.ok ? done.value : failed(faultOfEngine(done.error));
}

async function underLease(
  context: CellContext,
  earlier: EarlierPasses,
  { standing }: LeaseRequest,
  lease: HeldLease,
): Promise<Result<PassEnd, CellFailure>> {
  let finished: { seconds: number } | undefined;
  let removeReferences: (() => void) | undefined;
  let releaseCopies: (() => void) | undefined;
  try {
    if (lease.record.drop) await evictMade(context, earlier.made);

    // Another run may have finished the cell while this one waited, or changed what it reads.
    const refreshed = await withInputs(context);
    if (!refreshed.ok) return failed(refreshed.error);
    const now = refreshed.value;
    const left = without(await pendingParts(now), earlier.made);
    if (left.length === 0) return ok({ end: 'made elsewhere' });

    const granted = grantedParts(left, lease.record);
    removeReferences = await referToWeights(now, granted);
    if (removeReferences === undefined) return ok({ end: 'weights evicted' });
    requireDisk(context.disk);
    // It may have waited for long.
    requireTime(context.settings, context, standing);

    const staged = await stageReads(now, granted, lease);
    releaseCopies = staged.release;
    // Only a cell that runs needs what starts processes: a reused one is a third of a second, imports included.
    const { runAttempt } = await import('./run-attempt.js');
    const began = monotonicMs();
    const forced = now.forced || (await isAltered(now, granted));
    const attempt = await runAttempt(
      { ...now, reads: staged.reads, forced },
      granted,
      lease,
      earlier.retries,
    );
    if (!attempt.ok) {
      if (attempt.error.fault.code === 'out_of_memory') await gpuMemoryFreed(context, lease);
      return attempt;
    }
    if (granted.length === left.length) finished = { seconds: (monotonicMs() - began) / 1_000 };
    return ok({ end: 'made', parts: granted });
  } finally {
    await tidy(context, () => releaseCopies?.());
    await tidy(context, () => removeReferences?.());
    await lease.release(finished);
  }
}

/** What cannot be cleaned up is told, and fails no cell: its results stand. */
async function tidy({ log }: CellContext, body: () => unknown): Promise<void> {
  try {
    await body();
  } catch (error) {
    log(`cleaning up: ${messageOf(error)}`);
  }
}

function weightsEvicted(): Fault {
  return new Fault('weights_missing', 'its weights are evicted again and again before they can be used');
}

async function countReused({ directory, workspaceRoot, cell, project, options }: CellContext): Promise<void> {
  const { model, kind } = options;
  try {
    await countFinished(directory, workspaceRoot, suiteOf(project), { cell, model, kind });
  } catch {
    // A count that helps the scheduler must not fail a finished cell.
  }
}
