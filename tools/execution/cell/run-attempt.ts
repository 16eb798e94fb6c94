// One attempt of a cell under its lease: Python, then publish, then receipts.
import { join } from 'node:path';
import type { HeldLease } from '../lease/hold.js';
import { readPool } from '../lease/gpus/pool.js';
import { redact, secretsOf } from '../../base/redact.js';
import { timeoutOf } from '../../suite/model/task-names.js';
import { adjustSpec, describeAdjustment } from './adjustment.js';
import { newAttempt, tidyAttempt, type Attempt } from '../worker/attempt.js';
import { classify, exitCodeOf } from '../worker/classify.js';
import { DISK_HINT, diskPressure } from '../store/disk.js';
import { asFault, Fault } from '../../base/fault.js';
import type { CellEvent } from '../records/events.js';
import type { PendingPart } from '../records/pending-part.js';
import { stagingOf, workerEnvironment, writeJobFile } from '../worker/job-file.js';
import { lastLines, logEnd, redactByproducts } from '../worker/log-file.js';
import { LogPipe } from '../worker/log-pipe.js';
import { noteProgress } from '../progress/note-progress.js';
import { newOomKills, readOomKills } from '../worker/oom-kills.js';
import { namesOutdated } from '../store/remade.js';
import { linkWeights } from '../store/link.js';
import { publish } from './publish.js';
import type { PythonEnd, PythonRun } from '../worker/process.js';
import { startPython } from '../worker/start-python.js';
import { writeReceipt, type AttemptReport, type Receipt } from '../records/receipt.js';
import type { CellContext } from './context.js';
import { requireSameInputs } from './pending.js';
import { FailedAttempt, signalNumber, type Tries } from './tries.js';
import { UsageMeter } from '../worker/usage.js';

type FaultEvent = Extract<CellEvent, { event: 'fault' }>;

interface AttemptRecord {
  attempt: Attempt;
  lease: HeldLease;
  startedAt: Date;
  meter: UsageMeter;
  tries: Tries;
  settings: Receipt['settings'];
}

const PROGRESS_EVERY_MS = 10_000;
const LOOK_EVERY_MS = 5_000;

/** @throws FailedAttempt when it did not end well; what finished of a batch is published all the same. */
export async function runAttempt(
  context: CellContext,
  pending: readonly PendingPart[],
  lease: HeldLease,
  tries: Tries,
): Promise<void> {
  const { workspaceRoot, project, target, settings, journal, cell } = context;
  const attempt = newAttempt(workspaceRoot, project, target);
  using meter = new UsageMeter({
    gpus: lease.record.gpus,
    grantedAt: Date.parse(lease.record.grantedAt),
    readGpus: () => readPool(settings, context.directory),
  });
  const record: AttemptRecord = { attempt, lease, startedAt: new Date(), meter, tries, settings: {} };
  const indices = lease.record.gpuIndices;
  journal.main(cell, `attempt ${attempt.number} begins${onGpus(indices)}, log ${attempt.logName}`);
  journal.gpus(indices, cell, `attempt ${attempt.number} begins`);
  const finished = new Set<string>();
  let end: PythonEnd | undefined;
  let failure: Fault | undefined;
  try {
    ({ end, failure } = await runWorker(context, pending, record, finished));
    const done = pending.filter(({ part }) => failure === undefined || finished.has(part.name));
    if (done.length > 0) await requireSameInputs(context);
    for (const candidate of done) await finishPart(context, candidate, record);
  } catch (error) {
    // Why Python failed matters more than that its finished parts could not be kept.
    failure ??= asFault(error);
  } finally {
    tidyAttempt(attempt);
  }
  const outcome = failure === undefined ? 'ok' : `failed (${failure.code}): ${failure.message}`;
  journal.main(cell, `attempt ${attempt.number} ends: ${outcome}`);
  journal.gpus(indices, cell, `attempt ${attempt.number} ends: ${outcome}`);
  if (failure === undefined) return;
  const report = reportOf(context, record, end === undefined ? 1 : exitCodeOf(end, signalNumber), failure);
  throw new FailedAttempt(explain(failure, attempt, indices), report, indices);
}

async function runWorker(
  context: CellContext,
  pending: readonly PendingPart[],
  record: AttemptRecord,
  finished: Set<string>,
): Promise<{ end: PythonEnd; failure: Fault | undefined }> {
  const { attempt, lease, meter, tries } = record;
  const { workspaceRoot, settings, options } = context;
  writeJobFile({
    ...context,
    parts: pending.map((one) => ({
      ...one,
      part: { ...one.part, spec: adjustSpec(options.kind, one.part.spec, tries.adjustment) },
    })),
    attempt,
    storageRoot: settings.storageRoot,
    remake: context.forced,
    lease: lease.record,
    threads: settings.threads,
    site: settings,
  });
  const timeoutSeconds = timeoutOfCell(context);
  const secrets = secretsOf(process.env);
  const pipe = await LogPipe.open(attempt.pipe, attempt.log, secrets);
  const short = new DiskShortage(context);
  const look = setInterval(() => {
    if (pipe.hasGrown()) lease.signOfLife();
    short.look();
  }, LOOK_EVERY_MS);
  const kills = readOomKills();
  const progress = progressPrinter(context.say);
  let said: FaultEvent | undefined;
  try {
    const run: PythonRun = {
      command: join(workspaceRoot, '.venv', 'bin', 'python'),
      args: ['-m', 'validation', '--spec', attempt.job],
      cwd: attempt.work,
      env: workerEnvironment(workspaceRoot, lease.record, settings.threads),
      log: pipe.path,
      timeoutSeconds,
      signal: AbortSignal.any([context.signal, lease.revoked, short.signal]),
      onStart: (pid) => {
        pipe.unlink();
        lease.setWorker(pid);
        void noteProgress(context, context.directory);
      },
      onEvent: (event) => {
        lease.signOfLife();
        if (event.event === 'part') finished.add(event.name);
        if (event.event === 'fault') said = event;
        if (event.event === 'settings') record.settings = event.values;
        meter.onEvent(event);
        if (event.event === 'progress') progress(event);
      },
    };
    const end = await startPython(run, { ...context, ...settings });
    await pipe.end();
    const log = logEnd(attempt.log);
    const oomKills = newOomKills(kills, readOomKills());
    const failure = brokenFault(end, lease) ?? classify({ end, said, log, oomKills, timeoutSeconds });
    return { end, failure: short.fault ?? failure };
  } finally {
    clearInterval(look);
    await pipe.end();
    redactByproducts(attempt.byproducts, secrets);
  }
}

/** Ends a maker of weights when the disk runs short: it would go on filling it. All others write little, and may end. */
class DiskShortage {
  readonly #abort = new AbortController();
  readonly signal = this.#abort.signal;
  fault: Fault | undefined;

  constructor(private readonly context: CellContext) {}

  look(): void {
    const { disk, options } = this.context;
    const pressure = diskPressure(disk);
    if (pressure === undefined || !options.parts.some(({ link }) => link !== undefined)) return;
    this.fault = new Fault('disk_full', `ended: ${pressure}`, DISK_HINT);
    this.#abort.abort();
  }
}

function timeoutOfCell({ settings, options: { kind }, project, target }: CellContext): number {
  return timeoutOf(settings, { kind, variant: project.split('.').at(-1) ?? '', target });
}

/** A worker that ended with its lease did not fail, and is not tried again; one that had finished keeps its results. */
function brokenFault(end: PythonEnd, lease: HeldLease): Fault | undefined {
  const why = end.how === 'exit' && end.exitCode === 0 ? undefined : lease.revocationText();
  return why === undefined ? undefined : new Fault('broken', why);
}

function reportOf(
  { options }: CellContext,
  { attempt, lease, startedAt, tries }: AttemptRecord,
  exitCode: number,
  failure?: Fault,
): AttemptReport {
  const spec = options.parts[0]?.spec ?? {};
  const changed = describeAdjustment(options.kind, spec, tries.adjustment);
  return {
    number: attempt.number,
    log: attempt.logName,
    exitCode,
    ...(failure === undefined ? {} : { cause: failure.code }),
    ...(Object.keys(changed).length === 0 ? {} : { changed }),
    startedAt: startedAt.toISOString(),
    endedAt: new Date().toISOString(),
    gpus: lease.record.gpus,
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

async function finishPart(
  context: CellContext,
  { part, fingerprint }: PendingPart,
  record: AttemptRecord,
): Promise<void> {
  const { workspaceRoot, project, cell, reads, versions, deviceClass, settings, say } = context;
  const { attempt, lease, startedAt, meter, tries } = record;
  const outdated = namesOutdated(workspaceRoot, project, part, stagingOf(attempt, part));
  if (outdated !== undefined) say(outdated);
  const results = await publish(workspaceRoot, part, stagingOf(attempt, part));
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
    waitSeconds: lease.waitedMs / 1000,
    runSeconds: (endedAt.getTime() - startedAt.getTime()) / 1000,
    gpus: lease.record.gpus,
    threads: settings.threads,
    settings: record.settings,
    ...meter.usage(endedAt.getTime()),
    attempts: [...tries.reports, reportOf(context, record, 0)],
  });
  if (part.link !== undefined) linkWeights(workspaceRoot, part.link, join(settings.storageRoot, fingerprint));
}

/** Says how far a long cell is, at most every ten seconds. */
function progressPrinter(
  say: (line: string) => void,
): (event: Extract<CellEvent, { event: 'progress' }>) => void {
  let last = 0;
  return ({ message, done, total }) => {
    if (Date.now() - last < PROGRESS_EVERY_MS) return;
    last = Date.now();
    say(done !== undefined && total !== undefined ? `${message} (${done} of ${total})` : message);
  };
}
