// One attempt's directory: the job file, the log, Python's scratch and staging. Outside every Nx output.
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { writeWhole } from '../base/files.js';

export interface Attempt {
  number: number;
  directory: string;
  job: string;
  log: string;
  /** Workspace-relative. */
  logName: string;
  work: string;
  out: string;
  byproducts: string;
}

/** Where a cell's attempts lie: `output/<suite>/logs/<model>/<variant>/<target>/`. */
export function attemptsDirectory(workspaceRoot: string, project: string, target: string): string {
  const [suite, ...rest] = project.split('.');
  return join(workspaceRoot, 'output', suite ?? project, 'logs', ...rest, target);
}

export function newAttempt(workspaceRoot: string, project: string, target: string): Attempt {
  const parent = attemptsDirectory(workspaceRoot, project, target);
  mkdirSync(parent, { recursive: true });
  const last = lastNumber(parent);
  if (last > 0) tidyAttempt(attemptAt(workspaceRoot, parent, last));
  for (let number = last + 1; ; number += 1) {
    const attempt = attemptAt(workspaceRoot, parent, number);
    if (existsSync(attempt.directory)) continue;
    mkdirSync(attempt.directory);
    for (const path of [attempt.work, attempt.out, attempt.byproducts]) mkdirSync(path);
    writeWhole(attempt.log, '');
    return attempt;
  }
}

function attemptAt(workspaceRoot: string, parent: string, number: number): Attempt {
  const directory = join(parent, `attempt-${number}`);
  return {
    number,
    directory,
    job: join(directory, 'job.json'),
    log: join(directory, 'log.txt'),
    logName: relative(workspaceRoot, join(directory, 'log.txt')),
    work: join(directory, 'work'),
    out: join(directory, 'out'),
    byproducts: join(directory, 'byproducts'),
  };
}

/**
 * Scratch and staging go once an attempt has ended, well or not (also that of an executor that was killed, when the
 * cell is tried again): they may be as large as a model. Job file, log and by-products stay.
 */
export function tidyAttempt(attempt: Attempt): void {
  rmSync(attempt.work, { recursive: true, force: true });
  rmSync(attempt.out, { recursive: true, force: true });
}

function lastNumber(parent: string): number {
  const numbers = readdirSync(parent).map((name) => Number(/^attempt-(\d+)$/.exec(name)?.[1] ?? 0));
  return Math.max(0, ...numbers);
}
