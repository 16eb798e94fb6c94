// The watch over one job: its log goes on to the head, its state to whoever looks on, and its end is judged.
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { monotonicMs } from '../../../base/clock.js';
import { Fault } from '../../../base/fault.js';
import { messageOf } from '../../../base/message.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { readRecord } from '../../../host/read-record.js';
import type { EngineFailure, Work } from '../engine.js';
import type { JobNote } from '../job-records.js';
import { readEnd, readQueue } from './queue.js';
import { reasonText } from './reasons.js';
import { faultOfEnd, isLive, isRunning } from './states.js';
import type { SlurmFacts } from './facts.js';
import { givenSchema, type Submission } from './submission.js';

/** What the work of a job said in the end; written last, by rename. */
export const endSchema = z.object({ submission: z.string(), value: z.unknown() });

export interface Watched<T> extends Pick<SlurmFacts, 'directory' | 'settings' | 'onChange'> {
  work: Work<T, 'elsewhere'>;
  job: { id: string; submission: Submission };
  note: JobNote;
  cancelled: AbortSignal;
}

/** A job as the queue knows it, and what was said of it already. */
interface Look {
  told: Set<string>;
  /** When the watch began: an answer from before that may not know the job yet. */
  sinceMs: number;
}

const LOOK_MS = 500;
/** A file of a node's may be seen so much later by the head: shared disks cache what is not there. */
const LATE_MS = 15_000;

export async function watchJob<T>(watched: Watched<T>): Promise<Result<T, EngineFailure>> {
  const { work, job, cancelled, settings } = watched;
  const tail = new Tail(job.submission.log, work.log);
  const stopped = (): Result<T, EngineFailure> =>
    fail({ reason: 'cancelled', message: `${work.asked.cell}: Slurm job ${job.id} is cancelled` });
  const lookMs = Math.min(LOOK_MS, settings.slurmPollSeconds * 1_000);
  const look: Look = { told: new Set(), sinceMs: monotonicMs() };
  let goneSinceMs: number | undefined;
  for (;;) {
    if (cancelled.aborted) return stopped();
    tail.forward();
    const said = readSaid(watched);
    const state = await stateOf(watched, look);
    // What failed may be tried again only once its job has left the queue.
    if (said?.isDone === true || (said !== undefined && state === 'gone')) return said.end;
    if (state !== 'gone') goneSinceMs = undefined;
    else if (
      monotonicMs() - (goneSinceMs ??= monotonicMs()) >=
      Math.min(LATE_MS, 3_000 * settings.slurmPollSeconds)
    ) {
      const ended = await readEnd(job.id);
      const late = readSaid(watched);
      if (late !== undefined) return late.end;
      if (ended !== undefined && !isLive(ended.state)) {
        tail.forward();
        const { id: submission, log } = job.submission;
        return fail({ reason: 'job', fault: faultOfEnd(ended, isMeasured(job.submission)), log, submission });
      }
    }
    await sleep(lookMs, undefined, { signal: cancelled }).catch(() => undefined);
  }
}

/** Whether the job is in the queue, as the last answer of squeue tells. */
async function stateOf<T>(
  { directory, settings, work, job, note, onChange }: Watched<T>,
  { told, sinceMs }: Look,
): Promise<'live' | 'gone' | 'unsure'> {
  const queue = await readQueue(directory, { maxAgeMs: settings.slurmPollSeconds * 1_000 });
  const once = (line: string, when?: 'now'): void => {
    if (!told.has(line)) work.log(line, when);
    told.add(line);
  };
  if (queue.error !== null) {
    once(`Slurm does not answer, job ${job.id} goes on meanwhile: ${queue.error}`, 'now');
    return 'unsure';
  }
  const found = queue.jobs.find(({ id }) => id === job.id);
  if (found === undefined) return queue.askedAtMs > sinceMs ? 'gone' : 'unsure';
  if (!isLive(found.state)) return 'gone';
  const runs = isRunning(found.state);
  const reason = runs ? '' : reasonText(found.reason);
  const said = { job: job.id, state: runs ? 'running' : 'waiting', reason, node: found.node } as const;
  const line = runs ? `Slurm job ${job.id} began on ${found.node}` : `Slurm job ${job.id} waits: ${reason}`;
  once(line, runs ? undefined : 'now');
  if (note.say(said)) onChange(line);
  return 'live';
}

/** What its work said; undefined while it has said nothing. */
function readSaid<T>({
  work,
  job,
}: Watched<T>): { end: Result<T, EngineFailure>; isDone: boolean } | undefined {
  const { submission } = job;
  try {
    // The directory is read, not the name asked for: shared disks remember for a while that a name is not there.
    if (!readdirSync(submission.directory).includes('end.json')) return undefined;
    const end = endSchema.parse(JSON.parse(readFileSync(submission.end, 'utf8')));
    if (end.submission !== submission.id) return undefined;
    const { value, isDone } = work.elsewhere.parse(end.value);
    return { end: ok(value), isDone };
  } catch (error) {
    const fault = new Fault(
      'internal',
      `Slurm job ${job.id} says nothing that can be read: ${messageOf(error)}`,
    );
    const end = fail({ reason: 'job' as const, fault, log: submission.log, submission: submission.id });
    return { end, isDone: false };
  }
}

/** Whether its time limit was made of measured durations. */
function isMeasured({ work }: Submission): boolean {
  const given = readRecord(work, givenSchema);
  return given.ok && given.value.limit?.isMeasured === true;
}

/** Whole lines of a growing file, each once. */
class Tail {
  #at = 0;
  #rest = '';

  constructor(
    private readonly path: string,
    private readonly log: (line: string) => void,
  ) {}

  forward(): void {
    try {
      const file = openSync(this.path, 'r');
      try {
        const { size } = fstatSync(file);
        const bytes = Buffer.alloc(Math.max(0, size - this.#at));
        this.#at += readSync(file, bytes, 0, bytes.length, this.#at);
        const lines = `${this.#rest}${bytes.toString()}`.split('\n');
        this.#rest = lines.pop() ?? '';
        for (const line of lines) if (line !== '') this.log(line);
      } finally {
        closeSync(file);
      }
    } catch {
      // Not there yet, or out of sight for now.
    }
  }
}
