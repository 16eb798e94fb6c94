// The jobs that executors of this host have elsewhere, as files `jobs/<id>.json` of the lock directory, for whoever looks on.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writePlain } from '../../host/plain-file.js';
import { isAlive, ownIdentity } from '../../host/process-identity.js';
import { readRecord } from '../../host/read-record.js';
import { identitySchema } from '../lease/directory/identity-schema.js';
import { newId } from '../lease/directory/ids.js';
import type { LockDirectory } from '../lease/directory/lock-directory.js';

const schema = z.object({
  cell: z.string(),
  /** The run's progress record. */
  run: z.string(),
  workspace: z.string(),
  attempt: z.number(),
  /** As the queue names it; null while it is not submitted yet. */
  job: z.string().nullable(),
  state: z.enum(['waiting', 'running']),
  /** Why it waits, in words; where it runs. */
  reason: z.string(),
  node: z.string(),
  gpus: z.number(),
  /** UTC, ISO-8601: since when the cell wants it, and since when it is in this state. */
  queuedAt: z.string(),
  since: z.string(),
  executor: identitySchema,
});

export type JobRecord = z.infer<typeof schema>;

type Told = Pick<JobRecord, 'job' | 'state' | 'reason' | 'node'>;

/** The record of one cell's job while it waits and runs. */
export class JobNote implements Disposable {
  readonly #path: string;
  #said: string | undefined;
  #state: JobRecord['state'] | undefined;
  #since = '';

  constructor(
    directory: LockDirectory,
    private readonly of: Pick<JobRecord, 'cell' | 'run' | 'workspace' | 'attempt' | 'gpus'>,
    private readonly queuedAt = new Date().toISOString(),
  ) {
    this.#path = join(directory.jobs, `${newId()}.json`);
  }

  /** @returns whether it waited before and runs now, or the other way round. */
  say(told: Told): boolean {
    const text = JSON.stringify(told);
    if (text === this.#said) return false;
    this.#said = text;
    const changed = told.state !== this.#state;
    if (changed) this.#since = new Date().toISOString();
    this.#state = told.state;
    const record = {
      ...this.of,
      ...told,
      queuedAt: this.queuedAt,
      since: this.#since,
      executor: ownIdentity(),
    };
    try {
      writePlain(this.#path, `${JSON.stringify(record)}\n`);
    } catch {
      // A file for onlookers fails no cell.
    }
    return changed;
  }

  [Symbol.dispose](): void {
    rmSync(this.#path, { force: true });
  }
}

/** Those of living executors, the longest first. */
export function readJobs({ jobs }: Pick<LockDirectory, 'jobs'>): JobRecord[] {
  return readdirSync(jobs)
    .flatMap((name) => {
      const read = name.endsWith('.json') ? readRecord(join(jobs, name), schema) : undefined;
      return read?.ok === true && isAlive(read.value.executor) ? [read.value] : [];
    })
    .sort((a, b) => (a.queuedAt < b.queuedAt ? -1 : 1));
}
