// When an executor has `state/progress.json` written. A file for onlookers never fails a cell: what goes wrong is said.
import { messageOf } from '../../base/message.js';
import { openLockDirectory, type LockDirectory } from '../lease/directory/lock-directory.js';
import type { Passed } from '../lease/pass.js';
import { keepProgress } from './keep-progress.js';
import { suiteOf } from '../../suite/plan/planned.js';
import { loadSiteSettings } from '../../suite/settings/settings.js';

type Log = (line: string) => void;

export interface NotedCell {
  workspaceRoot: string;
  project: string;
  target: string;
  log: Log;
  /** In a job on another host: the head keeps the file. */
  job?: object | undefined;
}

/** The cell has started, or ended well or badly. */
export async function noteProgress(of: NotedCell, directory?: LockDirectory): Promise<void> {
  const { workspaceRoot, project, target, log } = of;
  if (of.job !== undefined) return;
  try {
    await keepProgress({
      directory: directory ?? openLockDirectory(loadSiteSettings(workspaceRoot).lockDirectory),
      workspaceRoot,
      suite: suiteOf(project),
      cell: `${project}:${target}`,
    });
  } catch (error) {
    log(`progress.json is not current: ${messageOf(error)}`);
  }
}

/** For the process that is the host's ticker: each minute, one at a time; after a failure no more. */
export function minuteNotes(directory: LockDirectory, log: Log): (passed: Passed) => void {
  let busy = false;
  return (passed) => {
    if (busy) return;
    busy = true;
    tick(directory, passed).then(
      () => {
        busy = false;
      },
      (error: unknown) => {
        log(`progress.json is not kept every minute: ${messageOf(error)}`);
      },
    );
  };
}

/** What it takes is loaded by the one process that is the ticker. */
async function tick(directory: LockDirectory, passed: Passed): Promise<void> {
  const { tickProgress } = await import('./refresh-progress.js');
  await tickProgress(directory, passed);
}
