// Executor `cell`: runs one cell. A refuted model is a result; only a fault fails the task.
import { complain, say } from '../base/text/say.js';
import type { ExecutorContext } from '@nx/devkit';
import { tellLive, type Log } from '../base/text/live-lines.js';
import { cancellation } from '../base/cancellation.js';
import { clearFault, readFault } from '../execution/records/last-fault.js';
import { noteDeadline } from '../execution/progress/deadline-record.js';
import { noteProgress } from '../execution/progress/note-progress.js';
import { caught, type CellFailure } from '../execution/cell/failure.js';
import { recordFailure } from '../execution/cell/record-failure.js';
import { runCell } from '../execution/cell/run-cell.js';
import type { CellOptions } from '../suite/model/cell.js';
import { suiteOf } from '../suite/plan/planned.js';
import { NO_PLACE, type Place, type Schedule } from '../suite/plan/schedule.js';

export default async function cell(
  options: CellOptions,
  context: ExecutorContext,
): Promise<{ success: boolean }> {
  const project = context.projectName ?? '';
  const target = context.targetName ?? '';
  const { signal, dispose } = cancellation();
  const log: Log = (line, when) => {
    const text = `${project}:${target}: ${line}`;
    if (when === 'now') tellLive({ from: project, text });
    else say(text);
  };
  const { root } = context;
  const forced = process.env.NX_SKIP_NX_CACHE === 'true';
  const schedule = scheduleOf(context);
  let changed = true;
  try {
    const ended = await runCell({
      workspaceRoot: root,
      project,
      target,
      options,
      schedule,
      forced,
      signal,
      log,
    });
    if (!ended.ok) return fail(root, project, target, ended.error);
    changed = ended.value === 'ran' || readFault(root, `${project}:${target}`) !== undefined;
    const cleared = await caught(() => {
      clearFault(root, project, target);
    });
    // Its results stand; a receipt is newer than the fault that is left.
    if (!cleared.ok) log(`the record of its last fault stays: ${cleared.error.message}`);
    log(ended.value === 'reused' ? 'reused: its receipt stands' : 'done');
    return { success: true };
  } finally {
    if (changed) await noteProgress({ workspaceRoot: root, project, target, log });
    dispose();
  }
}

function fail(root: string, project: string, target: string, failure: CellFailure): { success: false } {
  const { code, message, hint } = failure.fault;
  complain(`${project}:${target} failed (${code}): ${message}`);
  if (hint !== '') complain(hint);
  if (code === 'cancelled') return { success: false };
  if (code === 'deadline') {
    noteDeadline(root, suiteOf(project), `${project}:${target}`, message);
    return { success: false };
  }
  complain(`Run it again alone: npx nx run ${project}:${target} --excludeTaskDependencies`);
  recordFailure(root, project, target, failure);
  return { success: false };
}

/** It stands in the metadata of the target and of the suite, where it is in no hash. A project made before it had one still runs. */
export function scheduleOf({
  projectsConfigurations,
  projectName = '',
  targetName = '',
}: ExecutorContext): Schedule {
  const { projects } = projectsConfigurations;
  const target = projects[projectName]?.targets?.[targetName]?.metadata as { schedule?: Place } | undefined;
  const suite = projects[suiteOf(projectName)]?.metadata as { weightsGiB?: number } | undefined;
  return { ...NO_PLACE, ...target?.schedule, suiteGiB: suite?.weightsGiB ?? 0 };
}
