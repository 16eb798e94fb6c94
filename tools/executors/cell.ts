// Executor `cell`: runs one cell. A refuted model is a result; only a fault fails the task.
import type { ExecutorContext } from '@nx/devkit';
import { cancellation } from '../runner/cancellation.js';
import { Fault } from '../runner/fault.js';
import { clearFault, writeFault } from '../runner/last-fault.js';
import { messageOf } from '../base/message.js';
import { runCell } from '../runner/run-cell.js';
import type { CellOptions } from '../suite/cell.js';

export default async function cell(
  options: CellOptions,
  context: ExecutorContext,
): Promise<{ success: boolean }> {
  const project = context.projectName ?? '';
  const target = context.targetName ?? '';
  const { signal, dispose } = cancellation();
  const say = (line: string): void => {
    console.log(`${project}:${target}: ${line}`);
  };
  try {
    const forced = process.env.NX_SKIP_NX_CACHE === 'true';
    const outcome = await runCell({
      workspaceRoot: context.root,
      project,
      target,
      options,
      forced,
      signal,
      say,
    });
    clearFault(context.root, project, target);
    say(outcome === 'reused' ? 'reused: its receipt stands' : 'done');
    return { success: true };
  } catch (error) {
    const fault = error instanceof Fault ? error : new Fault('internal', messageOf(error));
    const { code, message, hint } = fault;
    console.error(`${project}:${target} failed (${code}): ${message}`);
    if (hint !== '') console.error(hint);
    if (code !== 'cancelled') console.error(`Run it again alone: npx nx run ${project}:${target}`);
    if (code !== 'cancelled') record(context.root, project, target, fault);
    return { success: false };
  } finally {
    dispose();
  }
}

function record(workspaceRoot: string, project: string, target: string, fault: Fault): void {
  try {
    writeFault(workspaceRoot, project, target, fault);
  } catch (error) {
    // A full disk, most likely: the cell's own message above matters more than this one.
    console.error(`its fault could not be recorded: ${messageOf(error)}`);
  }
}
