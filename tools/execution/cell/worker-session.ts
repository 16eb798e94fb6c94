// The worker session of an attempt: Python gets its job, is watched while it works, and its end is judged.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from '../../base/fault.js';
import { secretsOf } from '../../base/text/redact.js';
import { timeoutOf } from '../../suite/model/task-names.js';
import type { HeldLease } from '../lease/hold.js';
import { endStrays } from '../lease/reap.js';
import { noteProgress } from '../progress/note-progress.js';
import type { CellEvent } from '../records/events.js';
import type { PendingPart } from '../records/pending-part.js';
import type { Receipt } from '../records/receipt.js';
import { DiskShortage } from '../store/disk-shortage.js';
import type { Attempt } from '../worker/attempt.js';
import { classify } from '../worker/classify.js';
import { workerEnvironment, writeJobFile } from '../worker/job-file.js';
import { logEnd, redactByproducts } from '../worker/log-file.js';
import { LogPipe } from '../worker/log-pipe.js';
import { newOomKills, readOomKills } from '../worker/oom-kills.js';
import type { PythonEnd } from '../worker/process.js';
import { startPython } from '../worker/start-python.js';
import type { UsageMeter } from '../worker/usage.js';
import { adjustSpec, type Adjustment } from './retry/adjustment.js';
import type { CellContext } from './context.js';

/** What a session works with. */
export interface Session {
  attempt: Attempt;
  lease: HeldLease;
  meter: UsageMeter;
  adjustment: Adjustment;
}

export interface SessionEnd {
  end: PythonEnd;
  /** What it failed by; undefined when it ended well. */
  fault: Fault | undefined;
  /** How it computed, as it reported itself. */
  settings: Receipt['settings'];
  /** Names of the parts that it reported whole. */
  wholeParts: ReadonlySet<string>;
}

const PROGRESS_EVERY_MS = 10_000;
const LOOK_EVERY_MS = 5_000;
/** What is killed is gone at once, unless it waits for a disk. */
const CHILDREN_MS = 2_000;

/** @throws Error when the job cannot be written, or the lease was revoked before Python began. */
export async function runWorker(
  context: CellContext,
  pending: readonly PendingPart[],
  session: Session,
): Promise<SessionEnd> {
  const { attempt, lease } = session;
  const { workspaceRoot, settings, options } = context;
  writeJob(context, pending, session);
  const timeoutSeconds = timeoutOfCell(context);
  const secrets = secretsOf(process.env);
  const pipe = await LogPipe.open(attempt.pipe, attempt.log, secrets);
  const shortage = new DiskShortage(context.disk, options.parts);
  const look = setInterval(() => {
    if (pipe.hasGrown()) lease.signOfLife();
    shortage.look();
  }, LOOK_EVERY_MS);
  const killsBefore = readOomKills();
  const reports = new Reports(context, session);
  try {
    const end = await startPython(
      {
        command: join(workspaceRoot, '.venv', 'bin', 'python'),
        args: ['-m', 'validation', '--spec', attempt.job],
        cwd: attempt.work,
        env: workerEnvironment(workspaceRoot, lease.record, settings.threads),
        log: pipe.path,
        timeoutSeconds,
        signal: AbortSignal.any([context.signal, lease.revoked, shortage.signal]),
        onStart: (pid) => {
          pipe.unlink();
          lease.setWorker(pid);
          void noteProgress(context, context.directory);
        },
        onEvent: (event) => {
          reports.take(event);
        },
      },
      { ...context, ...settings },
    );
    if (options.kind === 'program') await endChildren(lease.record.id);
    await pipe.end();
    const evidence = {
      end,
      said: reports.fault,
      log: logEnd(attempt.log),
      oomKills: newOomKills(killsBefore, readOomKills()),
      timeoutSeconds,
    };
    const fault = shortage.fault ?? revocationFault(end, lease) ?? classify(evidence);
    return { end, fault, settings: reports.settings, wholeParts: reports.wholeParts };
  } finally {
    clearInterval(look);
    await pipe.end();
    redactByproducts(attempt.byproducts, secrets);
  }
}

function writeJob(
  context: CellContext,
  pending: readonly PendingPart[],
  { attempt, lease, adjustment }: Session,
): void {
  const { settings, options, forced } = context;
  writeJobFile({
    ...context,
    parts: pending.map(({ part, fingerprint }) => ({
      part: { ...part, spec: adjustSpec(options.kind, part.spec, adjustment) },
      fingerprint,
    })),
    attempt,
    storageRoot: settings.storageRoot,
    remake: forced,
    lease: lease.record,
    threads: settings.threads,
    site: settings,
  });
}

/** What a program of the suite's own started and left running, in groups of its own too. */
async function endChildren(lease: string): Promise<void> {
  const deadline = Date.now() + CHILDREN_MS;
  while (endStrays(lease) && Date.now() < deadline) await sleep(20);
}

function timeoutOfCell({ settings, schedule, options: { kind }, project, target }: CellContext): number {
  const variant = project.split('.').at(-1) ?? '';
  return timeoutOf(settings, { kind, variant, target, own: schedule.timeoutSeconds });
}

/** A worker that ended with its lease did not fail, and is not retried; one that had finished keeps its results. */
function revocationFault(end: PythonEnd, lease: HeldLease): Fault | undefined {
  if (end.how === 'exit' && end.exitCode === 0) return undefined;
  const revocation = lease.revocationText();
  return revocation === undefined ? undefined : new Fault('broken', revocation);
}

/** What the worker reports of itself; how far a long cell is goes on to the log, at most every ten seconds. */
class Reports {
  readonly wholeParts = new Set<string>();
  settings: Receipt['settings'] = {};
  fault: Extract<CellEvent, { event: 'fault' }> | undefined;
  #progressAt = 0;

  constructor(
    private readonly context: CellContext,
    private readonly session: Session,
  ) {}

  take(event: CellEvent): void {
    this.session.lease.signOfLife();
    this.session.meter.onEvent(event);
    switch (event.event) {
      case 'part':
        this.wholeParts.add(event.name);
        return;
      case 'fault':
        this.fault = event;
        return;
      case 'settings':
        this.settings = event.values;
        return;
      case 'progress':
        this.#progress(event);
        return;
      case 'usage':
      case 'started':
      case 'beside':
        return;
    }
  }

  #progress({ message, done, total }: Extract<CellEvent, { event: 'progress' }>): void {
    if (Date.now() - this.#progressAt < PROGRESS_EVERY_MS) return;
    this.#progressAt = Date.now();
    this.context.log(
      done !== undefined && total !== undefined ? `${message} (${done} of ${total})` : message,
    );
  }
}
