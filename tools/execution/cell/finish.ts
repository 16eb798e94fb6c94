// The end of an attempt that made something: whole parts are published, each with its receipt and its link.
import { join } from 'node:path';
import { Fault } from '../../base/fault.js';
import type { HeldLease } from '../lease/hold.js';
import type { PendingPart } from '../records/pending-part.js';
import { writeReceipt, type AttemptReport, type Receipt } from '../records/receipt.js';
import { linkWeights } from '../store/link.js';
import { namesOutdated } from '../store/rebuilt.js';
import type { Attempt } from '../worker/attempt.js';
import { stagingOf } from '../worker/job-file.js';
import type { UsageMeter } from '../worker/usage.js';
import { withInputs, type CellContext } from './context.js';
import { publish } from './publish.js';

/** What receipts tell of the attempt. */
export interface MadeBy {
  attempt: Attempt;
  lease: HeldLease;
  startedAt: Date;
  meter: UsageMeter;
  settings: Receipt['settings'];
  /** Of all attempts, the one that ended well last. */
  attempts: () => AttemptReport[];
}

/** @throws Fault when a part cannot be published, or an input was replaced while Python read it. */
export async function finishParts(
  context: CellContext,
  parts: readonly PendingPart[],
  madeBy: MadeBy,
): Promise<void> {
  if (parts.length > 0) await requireSameInputs(context);
  for (const part of parts) await finishPart(context, part, madeBy);
}

/** Results made from inputs that were replaced meanwhile would vouch for files that Python never saw. */
async function requireSameInputs(context: CellContext): Promise<void> {
  const now = await withInputs(context);
  if (!now.ok) throw now.error;
  const changed = now.value.reads.filter(
    ({ name, sha256 }) => context.reads.find((read) => read.name === name)?.sha256 !== sha256,
  );
  if (changed.length === 0) return;
  const names = changed.map(({ declared }) => declared).join(', ');
  throw new Fault(
    'bad_input',
    `${names} changed while the cell ran`,
    'Run it again once nothing else writes there.',
  );
}

async function finishPart(
  context: CellContext,
  { part, fingerprint }: PendingPart,
  { attempt, lease, startedAt, meter, settings: computed, attempts }: MadeBy,
): Promise<void> {
  const { workspaceRoot, project, cell, reads, versions, deviceClass, settings, job, log } = context;
  const staging = stagingOf(attempt, part);
  const outdated = namesOutdated(workspaceRoot, project, part, staging);
  if (outdated !== undefined) log(outdated);
  const results = await publish(workspaceRoot, part, staging);
  const endedAt = new Date();
  writeReceipt(workspaceRoot, part, {
    schema: 1,
    cell,
    part: part.name,
    fingerprint,
    versions,
    deviceClass,
    reads: Object.fromEntries(reads.map(({ name, sha256 }) => [name, sha256])),
    results,
    recipe: part.link === undefined ? null : fingerprint,
    startedAt: startedAt.toISOString(),
    endedAt: endedAt.toISOString(),
    waitSeconds: lease.waitedMs / 1000 + (job?.waitedSeconds ?? 0),
    runSeconds: (endedAt.getTime() - startedAt.getTime()) / 1000,
    gpus: lease.record.gpus,
    ...(job === undefined ? {} : { job: { submission: job.submission, id: job.id, node: job.node } }),
    threads: settings.threads,
    settings: computed,
    ...meter.usage(endedAt.getTime()),
    attempts: attempts(),
  });
  if (part.link !== undefined) linkWeights(workspaceRoot, part.link, join(settings.storageRoot, fingerprint));
}
