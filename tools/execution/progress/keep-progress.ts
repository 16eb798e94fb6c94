// Keeps `state/progress.json` current: written as cells start, end and fail, and every minute by the host's ticker.
// One writer at a time, by a lock in the lock directory; a few milliseconds, for it reads no project and no receipt.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readIfThere, writeWhole } from '../../base/files.js';
import { withFileLock } from '../../host/file-lock.js';
import { readJobs } from '../engine/job-records.js';
import type { LockDirectory } from '../lease/directory/lock-directory.js';
import type { Passed } from '../lease/pass.js';
import { readProgress, reconcileProgress, runName, writeLock } from '../lease/directory/progress-record.js';
import { readLeases, readTickets } from '../lease/directory/records.js';
import { finishedCells } from '../records/finished-cells.js';
import { readFault } from '../records/last-fault.js';
import { progressFileSchema, progressOf, type ProgressFile } from './progress.js';

/** As often as the original script's monitor. */
const EVERY_MS = 60_000;

export interface ProgressOf {
  directory: LockDirectory;
  workspaceRoot: string;
  suite: string;
  /** The cell that changed, which may have failed; undefined: look at all receipts and faults. */
  cell?: string;
}

/** Write the file anew. @throws Error when it cannot be written. */
export async function keepProgress(of: ProgressOf): Promise<void> {
  const { directory, workspaceRoot, suite } = of;
  const totals = readTotals(workspaceRoot, suite);
  // Not of a suite that the generator made.
  if (totals === undefined) return;
  const path = progressPath(workspaceRoot, suite);
  await withFileLock(writeLock(directory, runName(workspaceRoot, suite)), () => {
    const before = readBefore(path);
    const file = progressOf({
      suite,
      at: new Date().toISOString(),
      totals,
      done: readProgress(directory, runName(workspaceRoot, suite))?.done ?? {},
      ...atWork(of),
      failed: failedCells(of, before),
    });
    writeWhole(path, `${JSON.stringify(file, null, 2)}\n`);
  });
}

/** Called at every pass of the ticker: once a minute, each run that has a cell on this host gets its file anew. */
export async function tickProgress(
  directory: LockDirectory,
  { leases, state }: Pick<Passed, 'leases' | 'state'>,
): Promise<void> {
  const runs = new Set([...leases, ...state.tickets].map(({ run }) => run));
  for (const run of runs) {
    const at = run.lastIndexOf('#');
    const [workspaceRoot, suite] = [run.slice(0, at), run.slice(at + 1)];
    if (isDue(progressPath(workspaceRoot, suite))) await refreshProgress({ directory, workspaceRoot, suite });
  }
}

/**
 * Write the file from the receipts: what Nx restored from its cache came by no executor, and what was deleted left none.
 *
 * @throws Error when it cannot be written.
 */
export async function refreshProgress(of: Omit<ProgressOf, 'cell'>): Promise<void> {
  const { directory, workspaceRoot, suite } = of;
  const run = runName(workspaceRoot, suite);
  const known = readProgress(directory, run);
  const finished = finishedCells(workspaceRoot, suite);
  await withFileLock(directory.schedulerLock, () => {
    const { running, waiting } = atWork(of);
    const open = new Set([...running.map(({ cell }) => cell), ...waiting]);
    reconcileProgress(directory, run, known, finished, open);
  });
  await keepProgress({ directory, workspaceRoot, suite });
}

export function progressPath(workspaceRoot: string, suite: string): string {
  return join(workspaceRoot, 'output', suite, 'state', 'progress.json');
}

function isDue(path: string): boolean {
  const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0);
  // A clock that was set back must not silence it.
  return Math.abs(age) >= EVERY_MS;
}

const suiteProjectSchema = z.object({
  metadata: z.object({ cells: z.record(z.string(), z.number()) }),
});

function readTotals(workspaceRoot: string, suite: string): Record<string, number> | undefined {
  const text = readIfThere(join(workspaceRoot, 'suites', suite, 'project.json'));
  if (text === undefined) return undefined;
  try {
    const parsed = suiteProjectSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data.metadata.cells : undefined;
  } catch {
    return undefined;
  }
}

function atWork({ directory, workspaceRoot, suite }: ProgressOf): Pick<ProgressFile, 'running' | 'waiting'> {
  const run = runName(workspaceRoot, suite);
  // Those of the dead go within a second, by the ticker: here each would cost a look at its process.
  const tickets = readTickets(directory).records.filter((one) => one.run === run);
  const leases = readLeases(directory).records.filter((one) => one.run === run);
  const jobs = readJobs(directory).filter((one) => one.run === run);
  const inJobs = jobs.filter(({ state }) => state === 'running');
  return {
    running: [
      ...inJobs.map(({ cell, since, attempt, executor }) => ({
        ...{ cell, gpus: [], since, attempt },
        ...{ executor_pid: executor.pid, worker_pid: null },
      })),
      ...leases.map(({ cell, gpuIndices, grantedAt, attempt, executor, worker }) => ({
        cell,
        gpus: gpuIndices,
        since: grantedAt,
        attempt,
        executor_pid: executor.pid,
        worker_pid: worker?.pid ?? null,
      })),
    ],
    waiting: [
      ...tickets.map(({ cell }) => cell),
      ...jobs.filter(({ state }) => state === 'waiting').map(({ cell }) => cell),
    ],
  };
}

function failedCells(
  { workspaceRoot, suite, cell }: ProgressOf,
  before: ProgressFile | undefined,
): ProgressFile['failed'] {
  const candidates =
    before === undefined || cell === undefined
      ? cellsWithFault(workspaceRoot, suite)
      : [...new Set([...before.failed.map((one) => one.cell), cell])];
  return candidates.flatMap((id) => {
    const fault = readFault(workspaceRoot, id);
    return fault === undefined ? [] : [{ cell: id, why: fault.sentence }];
  });
}

/** `logs/<model>/<variant>/<target>/fault.json`. */
function cellsWithFault(workspaceRoot: string, suite: string): string[] {
  const logs = join(workspaceRoot, 'output', suite, 'logs');
  return names(logs).flatMap((model) =>
    names(join(logs, model)).flatMap((variant) =>
      names(join(logs, model, variant))
        .filter((target) => names(join(logs, model, variant, target)).includes('fault.json'))
        .map((target) => `${suite}.${model}.${variant}:${target}`),
    ),
  );
}

function names(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    // Not there, or a file.
    return [];
  }
}

function readBefore(path: string): ProgressFile | undefined {
  try {
    const parsed = progressFileSchema.safeParse(JSON.parse(readIfThere(path) ?? ''));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
