// Where cells run: the one interface of all engines. `local` are the leases of this host, `slurm` is a job a cell.
import type { Fault } from '../../base/fault.js';
import type { Log } from '../../base/text/live-lines.js';
import type { Result } from '../../base/result.js';
import type { HeldLease } from '../lease/hold.js';
import type { LeaseFailure } from '../lease/lease-failure.js';
import type { Needs, Standing } from '../lease/policy/state.js';
import type { LeaseRequest } from '../lease/ticket.js';

/** GPUs of one kind that an engine gives cells of. */
export interface Pool {
  name: string;
  /** GiB of each GPU of one host: the most that one cell can have. */
  gpuGiB: readonly number[];
}

/** How work is done: under a lease of this host, or by a process on another one. */
export interface Ways<T> {
  here: {
    request: LeaseRequest;
    /** It gives the lease back itself, and ends when the signal aborts. */
    run: (lease: HeldLease, signal: AbortSignal) => Promise<T>;
  };
  elsewhere: Elsewhere<T>;
}
export type Way = keyof Ways<unknown>;

/** Whose work it is, and what that was planned to need. */
export interface Asked {
  cell: string;
  needs: Omit<Needs, 'writes'>;
  standing: Pick<Standing, 'suite' | 'base'>;
  attempt?: number;
}

/** What a cell wants done, with what it was planned to need. */
export type Work<T, Its extends Way> = {
  asked: Asked;
  log: Log;
} & Pick<Ways<T>, Its>;

/** How long work may take. */
export interface TimeLimit {
  /** 0: any. */
  seconds: number;
  /** It is from what was measured: a job that reaches it gets the whole time-out at the next try. */
  isMeasured: boolean;
}

export interface Elsewhere<T> {
  /** As JSON. */
  work: unknown;
  limit: TimeLimit;
  /** A job of the same key that was given other work is not this one's. */
  identity: string;
  /**
   * What the work says in the end, and whether that is the end of it; else it may be tried again.
   *
   * @throws Error when it says nothing of the kind.
   */
  parse: (said: unknown) => { value: T; isDone: boolean };
}

export type EngineFailure =
  | LeaseFailure
  /** A job ended and left no word: why as far as its engine can tell, where its log is, and which one it was. */
  | { reason: 'job'; fault: Fault; log: string; submission: string };

/** Work that waits or runs. */
export interface Job<T> {
  id: string;
  /** Until it has ended, and nothing of it is left to come. */
  watch: () => Promise<Result<T, EngineFailure>>;
  /** It is to end now; `watch` then says that it was cancelled. */
  cancel: () => Promise<void>;
}

export interface Engine<Its extends Way> {
  pools: () => Promise<Pool[]>;
  /** The job of an earlier head that has this work already. */
  find: <T>(work: Work<T, Its>) => Promise<Job<T> | undefined>;
  submit: <T>(work: Work<T, Its>, signal: AbortSignal) => Promise<Result<Job<T>, EngineFailure>>;
}

/** Have work done, by the job that has it already or by a new one. What ends this run ends the job, unless it is to stay. */
export async function runWork<T, Its extends Way>(
  engine: Engine<Its>,
  work: Work<T, Its>,
  signal: AbortSignal,
  leave = false,
): Promise<Result<T, EngineFailure>> {
  const cancelled = (): Result<T, EngineFailure> => ({
    ok: false,
    error: { reason: 'cancelled', message: `${work.asked.cell}: cancelled` },
  });
  const submitted = await found(engine, work, signal);
  if (!submitted.ok) return submitted;
  const job = submitted.value;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      if (leave) resolve(cancelled());
      else job.cancel().catch(reject);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    job
      .watch()
      .then(resolve, reject)
      .finally(() => {
        signal.removeEventListener('abort', onAbort);
      });
  });
}

async function found<T, Its extends Way>(
  engine: Engine<Its>,
  work: Work<T, Its>,
  signal: AbortSignal,
): Promise<Result<Job<T>, EngineFailure>> {
  const job = await engine.find(work);
  return job === undefined ? engine.submit(work, signal) : { ok: true, value: job };
}
