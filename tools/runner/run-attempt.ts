// One attempt of a cell under its lease: Python, then publish, then receipts.
import { join } from 'node:path';
import type { HeldLease } from '../lease/acquire.js';
import { readPool } from '../lease/pool.js';
import { logTail, newAttempt, tidyAttempt, type Attempt } from './attempt.js';
import { Fault, faultCodeOfExit } from './fault.js';
import type { CellEvent } from './events.js';
import { stagingOf, workerEnvironment, writeJobFile, type PendingPart } from './job-file.js';
import { linkWeights, publish } from './publish.js';
import { runPython, type PythonEnd } from './python.js';
import { timeoutOf } from '../suite/task-names.js';
import { writeReceipt } from './receipt.js';
import { requireSameInputs, type CellContext } from './run-cell.js';
import { UsageMeter } from './usage.js';

type FaultEvent = Extract<CellEvent, { event: 'fault' }>;

interface AttemptRecord {
  attempt: Attempt;
  lease: HeldLease;
  startedAt: Date;
  meter: UsageMeter;
}

const PROGRESS_EVERY_MS = 10_000;

/** @throws Fault when Python did not end well; what finished of a batch is published all the same. */
export async function runAttempt(
  context: CellContext,
  pending: readonly PendingPart[],
  lease: HeldLease,
): Promise<void> {
  const { workspaceRoot, project, target, settings } = context;
  const attempt = newAttempt(workspaceRoot, project, target);
  using meter = new UsageMeter({
    gpus: lease.record.gpus,
    grantedAt: Date.parse(lease.record.grantedAt),
    readGpus: () => readPool(settings, context.directory.gpus),
  });
  const record: AttemptRecord = { attempt, lease, startedAt: new Date(), meter };
  writeJobFile({
    ...context,
    parts: pending,
    attempt,
    storageRoot: settings.storageRoot,
    remake: context.forced,
    lease: lease.record,
    threads: settings.threads,
  });
  const finished = new Set<string>();
  let fault: FaultEvent | undefined;
  const progress = progressPrinter(context.say);
  const end = await runPython({
    command: join(workspaceRoot, '.venv', 'bin', 'python'),
    args: ['-m', 'validation', '--spec', attempt.job],
    cwd: attempt.work,
    env: workerEnvironment(workspaceRoot, lease.record, settings.threads),
    log: attempt.log,
    timeoutSeconds: timeoutOfCell(context),
    signal: context.signal,
    onStart: (pid) => {
      lease.setWorker(pid);
    },
    onEvent: (event) => {
      if (event.event === 'part') finished.add(event.name);
      if (event.event === 'fault') fault = event;
      meter.onEvent(event);
      if (event.event === 'progress') progress(event);
    },
  });
  const failure = failureOf(end, fault, context, attempt);
  const done = pending.filter(({ part }) => failure === undefined || finished.has(part.name));
  try {
    if (done.length > 0) await requireSameInputs(context);
    for (const candidate of done) await finishPart(context, candidate, record);
  } catch (error) {
    // Why Python failed matters more than that its finished parts could not be kept.
    throw failure ?? error;
  }
  if (failure !== undefined) throw failure;
  tidyAttempt(attempt);
}

function timeoutOfCell({ settings, options: { kind }, project, target }: CellContext): number {
  return timeoutOf(settings, { kind, variant: project.split('.').at(-1) ?? '', target });
}

function failureOf(
  end: PythonEnd,
  said: FaultEvent | undefined,
  context: CellContext,
  attempt: Attempt,
): Fault | undefined {
  switch (end.how) {
    case 'exit': {
      if (end.exitCode === 0) return undefined;
      const code = faultCodeOfExit(end.exitCode) ?? 'internal';
      return withLog(
        new Fault(code, said?.message ?? `Python ended with exit code ${end.exitCode}`, said?.hint),
        attempt,
      );
    }
    case 'signal':
      return withLog(new Fault('killed', `Python was ended by ${end.signal}`), attempt);
    case 'timeout': {
      const hint = 'Raise timeouts.default_s or timeouts.tasks in workspace-config/site.yaml.';
      return withLog(new Fault('timeout', `no end after ${timeoutOfCell(context)} s`, hint), attempt);
    }
    case 'cancelled':
      return new Fault('cancelled', 'the run was cancelled');
    case 'unstartable':
      return new Fault(
        'environment',
        `Python cannot be started: ${end.message}`,
        'Run: npx nx run tools:python-env',
      );
  }
}

/** Adds what a reader needs to see the cause: the last lines that matter and the log's path. */
function withLog(fault: Fault, attempt: Attempt): Fault {
  const tail = logTail(attempt.log).map((line) => `  | ${line}`);
  const lines = [
    fault.hint,
    ...(tail.length > 0 ? ['Last lines of its log:', ...tail] : []),
    `Log: ${attempt.logName}`,
  ];
  return new Fault(fault.code, fault.message, lines.filter((line) => line !== '').join('\n'));
}

async function finishPart(
  context: CellContext,
  { part, fingerprint }: PendingPart,
  record: AttemptRecord,
): Promise<void> {
  const { workspaceRoot, cell, reads, versions, deviceClass, settings } = context;
  const { attempt, lease, startedAt, meter } = record;
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
    ...meter.usage(endedAt.getTime()),
    attempts: [{ number: attempt.number, log: attempt.logName, exitCode: 0 }],
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
