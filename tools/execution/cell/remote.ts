// A pass of a cell in a job elsewhere: what the job is told, what it says in the end, and what the head makes of that. The
// receipt with this submission's name is the truth about success; words and states only say why there is none.
import { rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { sha256 } from '../../base/canonical.js';
import { monotonicMs } from '../../base/clock.js';
import { Fault, type FaultCode } from '../../base/fault.js';
import { fail, ok, type Result } from '../../base/result.js';
import { redact } from '../../base/text/redact.js';
import { withFileLock } from '../../host/file-lock.js';
import { timeoutOf } from '../../suite/model/task-names.js';
import { suiteOf } from '../../suite/plan/planned.js';
import { runWork, type Elsewhere, type EngineFailure, type TimeLimit } from '../engine/engine.js';
import type { SlurmFacts } from '../engine/slurm/facts.js';
import { poolFor, readKnownPools } from '../engine/slurm/pools.js';
import { slurmEngine } from '../engine/slurm/slurm.js';
import { jobEntry, submissionsOf } from '../engine/slurm/submission.js';
import { timeLimit } from '../engine/slurm/time-limit.js';
import { requireTime } from '../lease/deadline.js';
import {
  beginProgress,
  readProgress,
  recordFinished,
  recordWaiting,
  runName,
} from '../lease/directory/progress-record.js';
import type { Needs, Standing } from '../lease/policy/state.js';
import type { LeaseRequest } from '../lease/ticket.js';
import { noteProgress } from '../progress/note-progress.js';
import { cellsWithReceipt } from '../records/finished-cells.js';
import type { PendingPart } from '../records/pending-part.js';
import { attemptSchema, readReceipt, reasonToRun, type Receipt } from '../records/receipt.js';
import { lastLines, logEnd } from '../worker/log-file.js';
import type { Retries } from './retry/adjustment.js';
import type { CellContext, CellRun, PassEnd } from './context.js';
import { failed, faultOfEngine, type CellFailure } from './failure.js';
import type { EarlierPasses } from './lease-request.js';

/** What a job is told of its cell (work.json). */
export interface RemoteWork {
  run: Pick<
    CellRun,
    'workspaceRoot' | 'project' | 'target' | 'options' | 'schedule' | 'forced' | 'weightsWanted'
  >;
  deviceClass: string;
  retries: Retries;
  /** UTC, ISO-8601. */
  submittedAt: string;
}

const saidSchema = z.union([
  z.object({ ok: z.literal(true), end: z.enum(['made', 'made elsewhere']), submission: z.string() }),
  z.object({
    ok: z.literal(false),
    code: z.string().transform((code) => code as FaultCode),
    message: z.string(),
    hint: z.string(),
    report: attemptSchema.optional(),
    gpus: z.array(z.number()),
  }),
]);

/** What a job says of its cell (end.json). */
export type Said = z.infer<typeof saidSchema>;

export function elsewhere(
  context: CellContext,
  open: readonly PendingPart[],
  { retries }: EarlierPasses,
): Elsewhere<Said> {
  const { workspaceRoot, project, target, options, schedule, forced, weightsWanted, deviceClass } = context;
  const run = { workspaceRoot, project, target, options, schedule, forced };
  const work: RemoteWork = {
    run: weightsWanted === undefined ? run : { ...run, weightsWanted },
    deviceClass,
    retries: { ...retries, notBeforeMs: 0 },
    submittedAt: new Date().toISOString(),
  };
  return {
    work,
    limit: limitOf(context, retries),
    identity: sha256(JSON.stringify([forced, open.map(({ part, fingerprint }) => [part.name, fingerprint])])),
    parse: (said) => {
      const value = saidSchema.parse(said);
      return { value, isDone: value.ok };
    },
  };
}

/** By what cells of its kind and model took in this run and before, if that is known. */
function limitOf(
  { settings, options: { kind, model }, project, target, directory, workspaceRoot, schedule }: CellContext,
  { failures }: Retries,
): TimeLimit {
  const variant = project.split('.').at(-1) ?? '';
  const record = readProgress(directory, runName(workspaceRoot, suiteOf(project)));
  const unitSeconds = record?.seconds[`${model}/${kind}`] ?? [];
  const { units } = schedule;
  const timeoutSeconds = timeoutOf(settings, { kind, variant, target, own: schedule.timeoutSeconds });
  return timeLimit(timeoutSeconds, { unitSeconds, units }, failures.includes('time_limit'));
}

/** One pass of the cell as a job. */
export async function remotePass(
  context: CellContext,
  open: readonly PendingPart[],
  earlier: EarlierPasses,
  planned: LeaseRequest,
): Promise<Result<PassEnd, CellFailure>> {
  const { settings, signal, log } = context;
  const leave = settings.slurmLeaveJobs;
  if (!leave) requireTime(settings, context, planned.standing);
  const asked = { ...planned, needs: withMemory(planned.needs, earlier.retries.failures) };
  const backOffMs = earlier.retries.notBeforeMs - monotonicMs();
  if (backOffMs > 0) await sleep(backOffMs, undefined, { signal }).catch(() => undefined);
  await enlist(context, asked.standing);
  const startedAt = new Date();
  const engine = slurmEngine(factsOf(context));
  const work = { asked, elsewhere: elsewhere(context, open, earlier), log };
  const done = await runWork<Said, 'elsewhere'>(engine, work, signal, leave);
  const finish = async (receipts: readonly Receipt[]): Promise<Result<PassEnd, CellFailure>> => {
    const [{ job } = {}] = receipts;
    context.journal.main(
      context.cell,
      `ok${job === undefined ? '' : ` in Slurm job ${job.id} on ${job.node}`}`,
    );
    await count(context, receipts);
    rmSync(submissionsOf(context.cell, context.workspaceRoot), { recursive: true, force: true });
    return ok({ end: 'made', parts: open });
  };
  if (done.ok) {
    const said = done.value;
    if (!said.ok) return fail(failureOf(said));
    const made = await receiptsOf(context, open, said.submission, LATE_MS);
    if (made.ok) return finish(made.value);
    return failed(new Fault('missing_result', `its job says that it is done, but ${made.error}`));
  }
  if (done.error.reason !== 'job') return failed(faultOfEngine(done.error));
  // Its node may have been lost just after.
  const made = await receiptsOf(context, open, done.error.submission, 0);
  return made.ok ? finish(made.value) : fail(lostAttempt(context, earlier, startedAt, done.error));
}

/** A job that ran out of the host's memory asks for half as much again. */
function withMemory(needs: Needs, failures: readonly FaultCode[]): Needs {
  const times = failures.filter((code) => code === 'host_out_of_memory').length;
  return { ...needs, ramGiB: needs.ramGiB * 1.5 ** times };
}

/** What a node wrote is seen so much later, at most. */
const LATE_MS = 60_000;

/** The receipts of all parts, if they stand; a run that takes none of before takes only those of this submission. */
async function receiptsOf(
  context: CellContext,
  open: readonly PendingPart[],
  submission: string,
  waitMs: number,
): Promise<Result<Receipt[], string>> {
  const { workspaceRoot, settings, forced } = context;
  const deadlineMs = monotonicMs() + waitMs;
  for (;;) {
    const receipts: Receipt[] = [];
    let missing: string | undefined;
    for (const { part, fingerprint } of open) {
      missing ??= await reasonToRun(workspaceRoot, settings.storageRoot, part, fingerprint);
      const receipt = readReceipt(join(workspaceRoot, part.receipt));
      if (receipt !== undefined) receipts.push(receipt);
      if (forced && receipt?.job?.submission !== submission)
        missing ??= `the receipt of ${part.name} is another's`;
    }
    if (missing === undefined) return ok(receipts);
    if (monotonicMs() >= deadlineMs) return fail(missing);
    await sleep(500);
  }
}

function failureOf(said: Extract<Said, { ok: false }>): CellFailure {
  const { code, message, hint, report, gpus } = said;
  const fault = new Fault(code, message, hint);
  return report === undefined ? { fault } : { fault, report, gpus };
}

/** An attempt of which only its engine knows how it ended: on record, and retried as its cause says. */
function lostAttempt(
  { workspaceRoot }: CellContext,
  { retries }: EarlierPasses,
  startedAt: Date,
  { fault, log }: Extract<EngineFailure, { reason: 'job' }>,
): CellFailure {
  if (log === '') return { fault };
  const name = relative(workspaceRoot, log);
  const tail = lastLines(redact(logEnd(log))).map((line) => `  | ${line}`);
  const hint = [fault.hint, ...(tail.length > 0 ? ['Last lines of its log:', ...tail] : []), `Log: ${name}`];
  return {
    fault: new Fault(fault.code, fault.message, hint.filter((line) => line !== '').join('\n')),
    report: {
      number: retries.reports.length + 1,
      log: name,
      exitCode: 1,
      cause: fault.code,
      startedAt: startedAt.toISOString(),
      endedAt: new Date().toISOString(),
      gpus: [],
    },
    gpus: [],
  };
}

/** What a ticket does on a host: the run's record knows of the cell. */
async function enlist(
  { directory, workspaceRoot, cell, project }: CellContext,
  standing: Standing,
): Promise<void> {
  const run = runName(workspaceRoot, suiteOf(project));
  await withFileLock(directory.schedulerLock, () => {
    if (readProgress(directory, run) === undefined)
      beginProgress(directory, run, cellsWithReceipt(workspaceRoot, suiteOf(project)));
    recordWaiting(directory, run, { cell, model: standing.model, cellsOfModel: standing.cellsOfModel });
  });
}

/** And what the end of a lease does: how long a unit took. */
async function count(
  { directory, workspaceRoot, cell, project, options, schedule }: CellContext,
  receipts: readonly Receipt[],
): Promise<void> {
  const { model, kind } = options;
  const seconds = Math.max(0, ...receipts.map(({ runSeconds }) => runSeconds)) / schedule.units;
  await withFileLock(directory.schedulerLock, () => {
    recordFinished(directory, runName(workspaceRoot, suiteOf(project)), { cell, model, kind, seconds });
  });
}

function factsOf(context: CellContext): SlurmFacts {
  const { workspaceRoot: workspace, directory, settings } = context;
  const known = settings.accelerator === 'cpu' ? [] : readKnownPools(workspace, settings);
  return {
    workspace,
    directory,
    settings,
    pools: known.map(({ pool, gpus }) => ({ name: pool.name, gpuGiB: gpus.map(({ totalGiB }) => totalGiB) })),
    poolFor: (needs) => poolFor(needs, known, settings),
    entry: jobEntry(workspace),
    onChange(line) {
      context.journal.main(context.cell, line);
      void noteProgress(context, directory);
    },
  };
}
