// Keeps `state/progress.json` current: written as cells start, end and fail. One writer at a time, by a lock in the lock
// directory; a few milliseconds, for it reads no project and no receipt: see refresh-progress.ts.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readIfThere, readJson, writeWhole } from '../../base/files.js';
import { parseJson } from '../../base/json-value.js';
import { withFileLock } from '../../host/file-lock.js';
import { readJobs } from '../engine/job-records.js';
import type { LockDirectory } from '../lease/directory/lock-directory.js';
import { readProgress, runName, writeLock } from '../lease/directory/progress-record.js';
import { readLeases, readTickets } from '../lease/directory/records.js';
import { readFault } from '../records/last-fault.js';
import { progressFileSchema, progressOf, type ProgressFile } from './progress.js';

export interface ProgressOf {
  directory: LockDirectory;
  workspaceRoot: string;
  suite: string;
  /** The cell that changed, which may have failed. */
  cell?: string;
}

/**
 * Write the file anew.
 *
 * @param failed cells that failed, where all were looked at.
 * @throws Error when it cannot be written.
 */
export async function keepProgress(of: ProgressOf, failed?: ProgressFile['failed']): Promise<void> {
  const { directory, workspaceRoot, suite } = of;
  const totals = readTotals(workspaceRoot, suite);
  // Not of a suite that the generator made.
  if (totals === undefined) return;
  const path = progressPath(workspaceRoot, suite);
  await withFileLock(writeLock(directory, runName(workspaceRoot, suite)), () => {
    const file = progressOf({
      suite,
      at: new Date().toISOString(),
      totals,
      done: readProgress(directory, runName(workspaceRoot, suite))?.done ?? {},
      ...atWork(of),
      failed: failed ?? failedCells(of, readJson(progressFileSchema, path)),
    });
    writeWhole(path, `${JSON.stringify(file, null, 2)}\n`);
  });
}

export function progressPath(workspaceRoot: string, suite: string): string {
  return join(workspaceRoot, 'output', suite, 'state', 'progress.json');
}

const suiteProjectSchema = z.object({
  metadata: z.object({ cells: z.record(z.string(), z.number()) }),
});

function readTotals(workspaceRoot: string, suite: string): Record<string, number> | undefined {
  const text = readIfThere(join(workspaceRoot, 'suites', suite, 'project.json'));
  return text === undefined ? undefined : parseJson(suiteProjectSchema, text)?.metadata.cells;
}

/** Cells of the run that hold a lease or have a ticket, on this host or as jobs. */
export function atWork({
  directory,
  workspaceRoot,
  suite,
}: ProgressOf): Pick<ProgressFile, 'running' | 'waiting'> {
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
    before === undefined
      ? cellsWithFault(workspaceRoot, suite)
      : [...new Set([...before.failed.map((one) => one.cell), ...(cell === undefined ? [] : [cell])])];
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
