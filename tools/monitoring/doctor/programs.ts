// Programs that make edits: whether what their commands begin with can be started here, and their inputs are there.
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import type { PlannedCell } from '../../suite/plan/planned.js';
import { error, ok, type Finding } from './finding.js';

/** GPUs are looked at with all other cells' needs. */
export function programs(
  workspaceRoot: string,
  cells: readonly PlannedCell[],
  environment: NodeJS.ProcessEnv = process.env,
): Finding[] {
  return cells
    .filter(({ kind }) => kind === 'program')
    .map(({ model, reads, parts: [part] }) => {
      const what = `program ${part?.name ?? ''} of ${model}`;
      const missing = reads.filter(
        ({ as, path }) => as === 'content' && !existsSync(whole(workspaceRoot, path)),
      );
      if (missing.length > 0) {
        const names = missing.map(({ path }) => path).join(', ');
        return error(what, `missing: ${names}`, 'Put it there, or change inputs: in suite.yaml.');
      }
      const command = Array.isArray(part?.spec.command) ? part.spec.command.map(String) : [];
      const [first = ''] = command;
      // One of its inputs is started from their copy.
      if (first.startsWith('./')) return ok(what, command.join(' '));
      const found = findProgram(workspaceRoot, first, environment);
      if (found !== undefined) return ok(what, `${command.join(' ')} (${found})`);
      return error(
        what,
        `${first.replace('{workspace}/', '')} cannot be started here`,
        'Install it, or name an absolute path, or one relative to suite.yaml; `python` is that of .venv.',
      );
    });
}

function findProgram(
  workspaceRoot: string,
  first: string,
  { PATH = '' }: NodeJS.ProcessEnv,
): string | undefined {
  if (first.includes('/')) {
    const path = whole(workspaceRoot, first.replace('{workspace}/', ''));
    return isProgram(path) ? path : undefined;
  }
  const directories = [join(workspaceRoot, '.venv', 'bin'), ...PATH.split(delimiter)];
  return directories.map((directory) => join(directory, first)).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function whole(workspaceRoot: string, path: string): string {
  return isAbsolute(path) ? path : join(workspaceRoot, path);
}
