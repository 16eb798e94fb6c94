// How a cell's Python is started: forked from a warm host where the site allows it, else, and whenever that fails, anew.
import { join } from 'node:path';
import { fail, type Result } from '../../base/result.js';
import type { CellOptions } from '../../suite/model/cell.js';
import type { PythonEnd, PythonRun } from './process.js';
import { runPython } from './python.js';
import type { NoHost } from './warm-python.js';

export interface StartOptions {
  workspaceRoot: string;
  /** `python.warm` of the site. */
  warm: boolean;
  lockDirectory: string;
  options: Pick<CellOptions, 'kind' | 'reads'>;
  log: (line: string) => void;
}

export async function startPython(run: PythonRun, start: StartOptions): Promise<PythonEnd> {
  // Elsewhere a process that has imported torch may not be forked.
  if (!start.warm || process.platform !== 'linux') return runPython(run);
  const end = await warmly(run, start);
  if (end.ok) return end.value;
  start.log(`no warm Python host (${end.error.message}): the cell gets a process of its own`);
  return runPython(run);
}

async function warmly(
  run: PythonRun,
  { workspaceRoot, lockDirectory, options }: StartOptions,
): Promise<Result<PythonEnd, NoHost>> {
  const { messageOf } = await import('../../base/message.js');
  try {
    const { runWarm } = await import('./warm-python.js');
    const { warmKey } = await import('./warm-key.js');
    const { kind, reads } = options;
    const host = {
      ...warmKey(workspaceRoot, run.command, { ...process.env, ...run.env }),
      directory: join(lockDirectory, 'warm'),
      command: run.command,
      cwd: workspaceRoot,
      env: run.env,
    };
    // A suite's own tasks are indexed by the cell: they are few, and may change.
    const taskIndex = (kind === 'eval' || kind === 'data') && !reads.some(({ name }) => name === 'tasks');
    return await runWarm(run, host, { kind, taskIndex });
  } catch (error) {
    return fail({ reason: 'no-host', message: messageOf(error) });
  }
}
