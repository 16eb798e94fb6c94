// Executor `cell`: runs one cell. A refuted model is a result; only a fault fails the task.
import type { ExecutorContext } from '@nx/devkit';
import { redact } from '../base/redact.js';
import { cancellation } from '../base/cancellation.js';
import { asFault } from '../base/fault.js';
import { clearFault, readFault } from '../execution/records/last-fault.js';
import { noteProgress } from '../execution/progress/note-progress.js';
import { recordFault } from '../execution/cell/record-fault.js';
import { runCell } from '../execution/cell/run-cell.js';
import type { CellOptions } from '../suite/model/cell.js';
import { NO_SCHEDULE, type Schedule } from '../suite/plan/schedule.js';

export default async function cell(
  options: CellOptions,
  context: ExecutorContext,
): Promise<{ success: boolean }> {
  const project = context.projectName ?? '';
  const target = context.targetName ?? '';
  const { signal, dispose } = cancellation();
  const say = (line: string): void => {
    console.log(redact(`${project}:${target}: ${line}`));
  };
  let changed = true;
  try {
    const forced = process.env.NX_SKIP_NX_CACHE === 'true';
    const outcome = await runCell({
      workspaceRoot: context.root,
      project,
      target,
      options,
      schedule: scheduleOf(context),
      forced,
      signal,
      say,
    });
    changed = outcome === 'ran' || readFault(context.root, `${project}:${target}`) !== undefined;
    clearFault(context.root, project, target);
    say(outcome === 'reused' ? 'reused: its receipt stands' : 'done');
    return { success: true };
  } catch (error) {
    const fault = asFault(error);
    const { code, message, hint } = fault;
    console.error(redact(`${project}:${target} failed (${code}): ${message}`));
    if (hint !== '') console.error(redact(hint));
    if (code === 'cancelled') return { success: false };
    console.error(`Run it again alone: npx nx run ${project}:${target} --excludeTaskDependencies`);
    recordFault(context.root, project, target, fault);
    return { success: false };
  } finally {
    if (changed) await noteProgress({ workspaceRoot: context.root, project, target, say });
    dispose();
  }
}

/** It stands in the target's metadata, where it is in no hash. A project made before it had one still runs. */
function scheduleOf({
  projectsConfigurations,
  projectName = '',
  targetName = '',
}: ExecutorContext): Schedule {
  const metadata = projectsConfigurations.projects[projectName]?.targets?.[targetName]?.metadata as
    { schedule?: Schedule } | undefined;
  return { ...NO_SCHEDULE, ...metadata?.schedule };
}
