// One attempt's directory: the job file, the log, Python's scratch and staging. Outside every Nx output.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
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
  for (let number = lastNumber(parent) + 1; ; number += 1) {
    const directory = join(parent, `attempt-${number}`);
    if (existsSync(directory)) continue;
    mkdirSync(directory);
    const attempt: Attempt = {
      number,
      directory,
      job: join(directory, 'job.json'),
      log: join(directory, 'log.txt'),
      logName: relative(workspaceRoot, join(directory, 'log.txt')),
      work: join(directory, 'work'),
      out: join(directory, 'out'),
      byproducts: join(directory, 'byproducts'),
    };
    for (const path of [attempt.work, attempt.out, attempt.byproducts]) mkdirSync(path);
    writeWhole(attempt.log, '');
    return attempt;
  }
}

/** Scratch and staging go once their files are published; job file, log and by-products stay. */
export function tidyAttempt(attempt: Attempt): void {
  rmSync(attempt.work, { recursive: true, force: true });
  rmSync(attempt.out, { recursive: true, force: true });
}

/** The last lines of the log, for the message of a failed cell. */
export function logTail(log: string, lines = 15): string[] {
  try {
    const text = readFileSync(log, 'utf8').slice(-20_000);
    return text.trimEnd().split('\n').slice(-lines);
  } catch {
    return [];
  }
}

function lastNumber(parent: string): number {
  const numbers = readdirSync(parent).map((name) => Number(/^attempt-(\d+)$/.exec(name)?.[1] ?? 0));
  return Math.max(0, ...numbers);
}
