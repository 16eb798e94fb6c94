// The progress record of a run (a workspace's suite): which cells are finished and how long they took, counted as leases end.
import { join } from 'node:path';
import { z } from 'zod';
import { sha256 } from '../../../base/canonical.js';
import { median } from '../policy/median.js';
import type { CellKind } from '../../../suite/model/cell.js';
import type { LockDirectory } from './lock-directory.js';
import { writePlain } from '../../../host/plain-file.js';
import { readRecord } from '../../../host/read-record.js';
import type { Progress } from '../policy/state.js';

const schema = z.object({
  run: z.string(),
  /** Names of finished cells by model: a cell that runs again counts once. */
  done: z.record(z.string(), z.array(z.string())),
  total: z.record(z.string(), z.number()),
  /** The latest durations by `model/kind`, of one unit each. */
  seconds: z.record(z.string(), z.array(z.number())),
  /** When it was last brought in line with the receipts, UTC, ISO-8601. */
  reconciledAt: z.string().optional(),
});

export type ProgressRecord = z.infer<typeof schema>;

const KEPT_DURATIONS = 15;

export interface Finished {
  cell: string;
  model: string;
  kind: CellKind;
  /** Seconds a unit of it took; undefined for one that was found finished. */
  seconds?: number;
}

export function runName(workspace: string, suite: string): string {
  return `${workspace}#${suite}`;
}

/** Undefined when nothing is known of the run yet; a damaged file counts as none: it is written anew. */
export function readProgress(directory: LockDirectory, run: string): ProgressRecord | undefined {
  const found = readRecord(pathOf(directory, run), schema);
  return found.ok ? found.value : undefined;
}

/** Begin a run's record with what its receipts tell. Called under the scheduler lock. */
export function beginProgress(directory: LockDirectory, run: string, finished: readonly Finished[]): void {
  let record: ProgressRecord = { run, done: {}, total: {}, seconds: {} };
  for (const one of finished) record = withFinished(record, one);
  write(directory, record);
}

/** Called under the scheduler lock. */
export function recordFinished(directory: LockDirectory, run: string, finished: Finished): void {
  write(directory, withFinished(readProgress(directory, run) ?? empty(run), finished));
}

/**
 * Make the record say what the receipts say: `finished` was read after `known`, so a cell that ended since is in
 * neither and stays; one that waits or runs (`open`) has an old receipt at most. Called under the scheduler lock.
 */
export function reconcileProgress(
  directory: LockDirectory,
  run: string,
  known: ProgressRecord | undefined,
  finished: readonly Finished[],
  open: ReadonlySet<string>,
): void {
  const record = readProgress(directory, run) ?? empty(run);
  const closed = finished.filter(({ cell }) => !open.has(cell));
  const next = reconciled(record, known ?? empty(run), closed);
  write(directory, { ...next, reconciledAt: new Date().toISOString() });
}

export function reconciled(
  record: ProgressRecord,
  known: ProgressRecord,
  finished: readonly Finished[],
): ProgressRecord {
  const names = new Set(finished.map(({ cell }) => cell));
  const gone = new Set(
    Object.values(known.done).flatMap((cells) => cells.filter((cell) => !names.has(cell))),
  );
  const done = Object.fromEntries(
    Object.entries(record.done).map(([model, cells]) => [model, cells.filter((cell) => !gone.has(cell))]),
  );
  const isNew = ({ cell, model }: Finished): boolean => done[model]?.includes(cell) !== true;
  return finished.filter(isNew).reduce(withFinished, { ...record, done });
}

/** Path of the lock that the writer of the run's progress file holds. */
export function writeLock(directory: LockDirectory, run: string): string {
  return `${pathOf(directory, run)}.lock`;
}

/** A cell that waits is not finished; its model has so many cells. Called under the scheduler lock. */
export function recordWaiting(
  directory: LockDirectory,
  run: string,
  { cell, model, cellsOfModel }: { cell: string; model: string; cellsOfModel: number },
): void {
  const record = readProgress(directory, run) ?? empty(run);
  const done = record.done[model] ?? [];
  if (record.total[model] === cellsOfModel && !done.includes(cell)) return;
  write(directory, {
    ...record,
    done: { ...record.done, [model]: done.filter((name) => name !== cell) },
    total: { ...record.total, [model]: cellsOfModel },
  });
}

/** The record as the scheduler takes it: counts, and the median duration by model and kind. */
export function toProgress(record: ProgressRecord): Progress {
  const map = <A, B>(of: Record<string, A>, convert: (value: A) => B): Record<string, B> =>
    Object.fromEntries(Object.entries(of).map(([key, value]) => [key, convert(value)]));
  return {
    done: map(record.done, (cells) => cells.length),
    total: record.total,
    seconds: map(record.seconds, median),
  };
}

export function withFinished(
  record: ProgressRecord,
  { cell, model, kind, seconds }: Finished,
): ProgressRecord {
  const done = record.done[model] ?? [];
  const key = `${model}/${kind}`;
  const measured = seconds === undefined ? [] : [seconds];
  return {
    ...record,
    done: { ...record.done, [model]: done.includes(cell) ? done : [...done, cell] },
    seconds: {
      ...record.seconds,
      [key]: [...(record.seconds[key] ?? []), ...measured].slice(-KEPT_DURATIONS),
    },
  };
}

function empty(run: string): ProgressRecord {
  return { run, done: {}, total: {}, seconds: {} };
}

function write(directory: LockDirectory, record: ProgressRecord): void {
  writePlain(pathOf(directory, record.run), `${JSON.stringify(record)}\n`);
}

function pathOf(directory: LockDirectory, run: string): string {
  return join(directory.progress, `${sha256(run).slice(0, 24)}.json`);
}
