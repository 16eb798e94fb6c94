// Counts a cell that was found finished without a lease, so that the run's progress record knows of it.
import { withFileLock } from '../../host/file-lock.js';
import type { LockDirectory } from './directory/lock-directory.js';
import { readProgress, recordFinished, runName, type Finished } from './directory/progress-record.js';

export async function countFinished(
  directory: LockDirectory,
  workspace: string,
  suite: string,
  finished: Finished,
): Promise<void> {
  const run = runName(workspace, suite);
  const record = readProgress(directory, run);
  // A host that knows nothing of the run learns of it from the receipts, this one's among them, when a cell waits.
  if (record === undefined || record.done[finished.model]?.includes(finished.cell) === true) return;
  await withFileLock(directory.schedulerLock, () => {
    recordFinished(directory, run, finished);
  });
}
