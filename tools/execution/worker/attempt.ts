// One attempt's directory: the job file, the log, Python's scratch and staging. Outside every Nx output.
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { makeDirectory, writeWhole } from '../../base/files.js';
import { secretsOf } from '../../base/text/redact.js';
import { attemptsDirectory } from '../records/attempt-paths.js';
import { redactByproducts } from './log-file.js';

export interface Attempt {
  number: number;
  directory: string;
  job: string;
  log: string;
  /** What Python writes its output to, while there is one. */
  pipe: string;
  /** Workspace-relative. */
  logName: string;
  work: string;
  out: string;
  byproducts: string;
}

export function newAttempt(workspaceRoot: string, project: string, target: string): Attempt {
  const parent = attemptsDirectory(workspaceRoot, project, target);
  makeDirectory(parent);
  const last = lastNumber(parent);
  if (last > 0) tidyKilled(attemptAt(workspaceRoot, parent, last));
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
    pipe: join(directory, 'log.pipe'),
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
  rmSync(attempt.pipe, { force: true });
}

/** The last one, should its executor have been killed: nobody has looked through its by-products for secrets yet. */
function tidyKilled(attempt: Attempt): void {
  if (existsSync(attempt.work)) redactByproducts(attempt.byproducts, secretsOf(process.env));
  tidyAttempt(attempt);
}

function lastNumber(parent: string): number {
  const numbers = readdirSync(parent).map((name) => Number(/^attempt-(\d+)$/.exec(name)?.[1] ?? 0));
  return Math.max(0, ...numbers);
}
