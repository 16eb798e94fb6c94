// The engine `slurm`: each cell is a job of its own. No process of ours stays anywhere: what is in the queue Slurm knows, what
// a job was given and what it says in the end lies in its submission's directory, and whether a cell is finished, its receipt.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { monotonicMs } from '../../../base/clock.js';
import { Fault } from '../../../base/fault.js';
import { makeDirectory, writeWhole } from '../../../base/files.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { withFileLock } from '../../../host/file-lock.js';
import { readRecord } from '../../../host/read-record.js';
import { writePlain } from '../../../host/plain-file.js';
import { runName } from '../../lease/directory/progress-record.js';
import type { LockDirectory } from '../../lease/directory/lock-directory.js';
import type { Engine, EngineFailure, Job, Work } from '../engine.js';
import { JobNote } from '../job-records.js';
import { cleanEnvironment, passesBySelf, slurm } from './commands.js';
import { readQueue, type QueuedJob } from './queue.js';
import { isLive } from './states.js';
import {
  jobName,
  jobScript,
  sbatchArguments,
  givenSchema,
  submissionAt,
  submissionsOf,
  workspaceMark,
  type Submission,
} from './submission.js';
import type { SlurmFacts } from './facts.js';
import { watchJob } from './watch.js';

export function slurmEngine(facts: SlurmFacts): Engine<'elsewhere'> {
  return {
    pools: () => Promise.resolve([...facts.pools]),
    async find(work) {
      const seen = await look(facts, work);
      return seen.is === 'there' ? jobOf(facts, work, seen.job, noteOf(facts, work)) : undefined;
    },
    submit: (work, signal) => submit(facts, work, signal),
  };
}

async function submit<T>(
  facts: SlurmFacts,
  work: Work<T, 'elsewhere'>,
  signal: AbortSignal,
): Promise<Result<Job<T>, EngineFailure>> {
  const note = noteOf(facts, work);
  const told = new Set<string>();
  try {
    for (;;) {
      if (signal.aborted) {
        return fail({
          reason: 'cancelled',
          message: `${work.asked.cell}: cancelled before it was submitted`,
        });
      }
      // Looking and submitting are one step: two executors of one cell have one job.
      const lock = join(facts.directory.jobs, 'submit.lock');
      const tried =
        (await whileFull(facts, work)) ??
        (await withFileLock(lock, () => tryOnce(facts, work), { timeoutMs: LOCK_MS }));
      if (tried.is === 'refused') {
        note[Symbol.dispose]();
        const fault = new Fault('environment', `Slurm takes no job for it: ${tried.why}`, REFUSED);
        return fail({ reason: 'job', fault, log: '', submission: '' });
      }
      if (tried.is === 'there') return ok(jobOf(facts, work, tried.job, note));
      if (!told.has(tried.why)) work.log(`waiting: ${tried.why}`, 'now');
      told.add(tried.why);
      if (note.say({ job: null, state: 'waiting', reason: tried.why, node: '' }))
        facts.onChange(`waiting: ${tried.why}`);
      await sleep(facts.settings.slurmPollSeconds * 1_000, undefined, { signal }).catch(() => undefined);
    }
  } catch (error) {
    note[Symbol.dispose]();
    throw error;
  }
}

const LOCK_MS = 15 * 60_000;
const REFUSED = 'See slurm in workspace-config/site.yaml (docs/slurm.md).';

interface Found {
  id: string;
  submission: Submission;
}

type Seen =
  | { is: 'there'; job: Found }
  /** Nothing of it is in the queue, and so many other jobs of this workspace are. */
  | { is: 'absent'; others: number }
  | { is: 'waits'; why: string };
type Tried = { is: 'there'; job: Found } | { is: 'waits'; why: string } | { is: 'refused'; why: string };

async function look(
  { workspace, directory, settings }: SlurmFacts,
  work: Work<unknown, 'elsewhere'>,
): Promise<Seen> {
  const queue = await readQueue(directory, { maxAgeMs: settings.slurmPollSeconds * 1_000 });
  if (queue.error !== null) return { is: 'waits', why: `Slurm does not answer: ${queue.error}` };
  const mark = `@${workspaceMark(workspace)}`;
  const live = queue.jobs.filter(({ name, state }) => name.endsWith(mark) && isLive(state));
  const known = new Set(queue.jobs.map(({ id }) => id));
  const later = submittedAfter(directory, queue.askedAtMs).filter(
    ({ id, name }) => name.endsWith(mark) && !known.has(id),
  );
  const all: Pick<QueuedJob, 'id' | 'name' | 'directory'>[] = [...live, ...later];
  const name = jobName(work.asked.cell, workspace);
  const own = all.filter((job) => job.name === name);
  const usable = own.find((job) => isSame(submissionAt(job.directory), work.elsewhere.identity));
  if (usable !== undefined && own.length === 1) {
    return { is: 'there', job: { id: usable.id, submission: submissionAt(usable.directory) } };
  }
  for (const { id, directory: of } of own) await cancelJob({ id, submission: submissionAt(of) });
  const [first] = own;
  if (first !== undefined) {
    return { is: 'waits', why: `Slurm job ${first.id} of an earlier run leaves the queue first` };
  }
  return { is: 'absent', others: all.length };
}

/** Hundreds may wait for the queue: none of them takes the lock for that. */
async function whileFull(
  facts: SlurmFacts,
  work: Work<unknown, 'elsewhere'>,
): Promise<Extract<Tried, { is: 'waits' }> | undefined> {
  const seen = await look(facts, work);
  return seen.is === 'absent' ? fullText(facts, seen) : undefined;
}

function fullText(
  { settings }: SlurmFacts,
  { others }: Extract<Seen, { is: 'absent' }>,
): Extract<Tried, { is: 'waits' }> | undefined {
  if (others < settings.slurmMaxJobs) return undefined;
  return { is: 'waits', why: `${others} jobs of this workspace are in the queue (slurm.max_jobs)` };
}

async function tryOnce(facts: SlurmFacts, work: Work<unknown, 'elsewhere'>): Promise<Tried> {
  const { workspace, directory, settings, entry } = facts;
  const { cell, needs, standing } = work.asked;
  const seen = await look(facts, work);
  if (seen.is !== 'absent') return seen;
  const full = fullText(facts, seen);
  if (full !== undefined) return full;
  const name = jobName(cell, workspace);
  const submission = submissionAt(join(submissionsOf(cell, workspace), randomBytes(6).toString('hex')));
  makeDirectory(submission.directory);
  const { work: given, identity, limit } = work.elsewhere;
  writeWhole(submission.work, `${JSON.stringify({ identity, limit, work: given }, null, 2)}\n`, 0o600);
  writeWhole(submission.script, jobScript(process.execPath, entry, submission), 0o700);
  const wanted = {
    name,
    submission,
    needs,
    timeoutSeconds: limit.seconds,
    priority: standing.base,
    pool: facts.poolFor(needs),
  };
  const environment: NodeJS.ProcessEnv = {
    ...cleanEnvironment(),
    VALIDATION_ENGINE: 'local',
    // One cell a process: what a warm host saves, another cell would have.
    VALIDATION_PYTHON_WARM: 'false',
    // Slurm sets it where it grants GPUs; elsewhere a job could take those of others.
    ...(needs.gpus === 0 ? { CUDA_VISIBLE_DEVICES: '' } : {}),
  };
  const submitted = await slurm('sbatch', sbatchArguments(wanted, settings), { environment });
  const id = submitted.ok ? /^(\d+)/m.exec(submitted.value)?.[1] : undefined;
  if (id !== undefined) {
    noteSubmitted(directory, { id, name, directory: submission.directory, atMs: monotonicMs() });
    return { is: 'there', job: { id, submission } };
  }
  const why = submitted.ok ? `sbatch says "${submitted.value.trim()}"` : submitted.error;
  // It may have taken it and not said so: then it is found by its name.
  return passesBySelf(why)
    ? { is: 'waits', why: `Slurm takes no job for now: ${why}` }
    : { is: 'refused', why };
}

function noteOf({ directory, workspace }: SlurmFacts, { asked }: Work<unknown, 'elsewhere'>): JobNote {
  const { cell, standing, attempt = 1, needs } = asked;
  const run = runName(workspace, standing.suite);
  return new JobNote(directory, { cell, run, workspace, attempt, gpus: needs.gpus });
}

function jobOf<T>(facts: SlurmFacts, work: Work<T, 'elsewhere'>, job: Found, note: JobNote): Job<T> {
  const cancelled = new AbortController();
  return {
    id: job.id,
    async watch() {
      try {
        return await watchJob({ ...facts, work, job, note, cancelled: cancelled.signal });
      } finally {
        note[Symbol.dispose]();
      }
    },
    async cancel() {
      await cancelJob(job);
      cancelled.abort();
    },
  };
}

/** From now on nobody takes it up again. */
async function cancelJob({ id, submission }: Found): Promise<void> {
  if (existsSync(submission.directory)) writeWhole(join(submission.directory, CANCELLED), '');
  await slurm('scancel', [id], { limitMs: 4_000 });
}

const CANCELLED = 'cancelled';

function isSame({ directory, work }: Submission, identity: string): boolean {
  if (existsSync(join(directory, CANCELLED))) return false;
  const given = readRecord(work, givenSchema);
  return given.ok && given.value.identity === identity;
}

const submittedSchema = z.array(
  z.object({ id: z.string(), name: z.string(), directory: z.string(), atMs: z.number() }),
);
type Submitted = z.infer<typeof submittedSchema>;

/** Jobs that the last answer of squeue cannot know yet. */
function submittedAfter(directory: LockDirectory, askedAtMs: number): Submitted {
  const read = readRecord(submittedPath(directory), submittedSchema);
  const now = monotonicMs();
  return read.ok ? read.value.filter(({ atMs }) => atMs >= askedAtMs && atMs <= now) : [];
}

/** Called under the lock of submissions. */
function noteSubmitted(directory: LockDirectory, one: Submitted[number]): void {
  const kept = submittedAfter(directory, one.atMs - KEPT_MS);
  writePlain(submittedPath(directory), JSON.stringify([...kept, one]));
}

function submittedPath({ jobs }: LockDirectory): string {
  return join(jobs, 'submitted');
}

/** Longer than any answer of squeue serves. */
const KEPT_MS = 15 * 60_000;
