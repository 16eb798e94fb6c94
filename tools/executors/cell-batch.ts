// Executor `cell` for many cells in one process, for `restore` only: a cell whose receipts stand is answered, and Nx puts it
// into its cache; any other is told as not finished. Nothing runs here.
import type { ExecutorContext, TaskGraph } from '@nx/devkit';
import { cancellation } from '../base/cancellation.js';
import { noteLooked, restoring } from '../base/restoring.js';
import { complain } from '../base/text/say.js';
import { stands } from '../execution/cell/stands.js';
import type { CellOptions } from '../suite/model/cell.js';
import { scheduleOf } from './cell.js';

interface Answered {
  task: string;
  result: { success: boolean; terminalOutput: string };
}

export default async function* cellBatch(
  graph: TaskGraph,
  inputs: Record<string, CellOptions>,
  _overrides: unknown,
  context: ExecutorContext,
): AsyncGenerator<Answered, undefined> {
  const path = restoring();
  if (path === undefined)
    complain(
      'cells run in a process each: leave out --batch and NX_BATCH_MODE (nx run <suite>:restore sets them)',
    );
  const { signal, dispose } = cancellation();
  try {
    for (const [task, { target }] of Object.entries(graph.tasks)) {
      const { project, target: name } = target;
      const cell = `${project}:${name}`;
      const options = inputs[task];
      if (path === undefined || options === undefined) {
        yield { task, result: { success: false, terminalOutput: `${cell}: not run\n` } };
        continue;
      }
      const looked = await stands({
        workspaceRoot: context.root,
        ...{ project, target: name, options, signal },
        schedule: scheduleOf({ ...context, projectName: project, targetName: name }),
        forced: false,
        log: () => undefined,
      });
      noteLooked(path, looked.ok ? { cell } : { cell, why: looked.error });
      const said = looked.ok ? 'reused: its receipt stands' : looked.error;
      yield { task, result: { success: looked.ok, terminalOutput: `${cell}: ${said}\n` } };
    }
  } finally {
    dispose();
  }
  return undefined;
}
