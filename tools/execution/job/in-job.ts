// A cell in its job on a node: the very same way as on a host of one's own, under a lease of the job's GPUs, for one pass.
import { readFileSync, rmSync } from 'node:fs';
import { basename } from 'node:path';
import { cancellation } from '../../base/cancellation.js';
import type { Log } from '../../base/text/live-lines.js';
import { writeWhole } from '../../base/files.js';
import { say } from '../../base/text/say.js';
import { slurmJob } from '../../host/slurm.js';
import { loadSiteSettings } from '../../suite/settings/settings.js';
import { runCell } from '../cell/run-cell.js';
import type { RemoteWork, Said } from '../cell/remote.js';
import { removeEndedDirectories } from '../engine/slurm/ended-directories.js';
import { submissionAt } from '../engine/slurm/submission.js';
import { probeNode, type ProbeWork } from './probe.js';

/** @param directory of the submission: what is to be done lies there, and what came of it will. */
export async function runInJob(directory: string): Promise<boolean> {
  const submission = submissionAt(directory);
  const { work } = JSON.parse(readFileSync(submission.work, 'utf8')) as { work: RemoteWork | ProbeWork };
  const { workspaceRoot } = 'run' in work ? work.run : work;
  const said = 'run' in work ? await cellOf(work, submission.id) : await probeNode(work);
  // Cancelled, preempted, at its time limit: Slurm knows which.
  if (said === undefined) return false;
  dropLocks(workspaceRoot);
  writeWhole(submission.end, `${JSON.stringify({ submission: submission.id, value: said }, null, 2)}\n`);
  await removeEndedDirectories(loadSiteSettings(workspaceRoot).lockDirectory);
  return !('ok' in said) || said.ok;
}

async function cellOf(
  { run, deviceClass, retries, submittedAt }: RemoteWork,
  submission: string,
): Promise<Said | undefined> {
  const { signal, dispose } = cancellation();
  const slurm = slurmJob();
  const waitedSeconds = Math.max(0, Date.now() - Date.parse(submittedAt)) / 1_000;
  const job = {
    submission,
    id: slurm?.id ?? '',
    node: slurm?.node ?? '',
    waitedSeconds,
    deviceClass,
    retries,
  };
  try {
    const log: Log = (line, when) => {
      if (when !== 'now') say(line);
    };
    const ended = await runCell({ ...run, job, signal, log });
    if (ended.ok) return { ok: true, end: ended.value === 'ran' ? 'made' : 'made elsewhere', submission };
    const { fault, ...attempt } = ended.error;
    if (fault.code === 'cancelled') return undefined;
    const { code, message, hint } = fault;
    return attempt.report === undefined
      ? { ok: false, code, message, hint, gpus: [] }
      : { ok: false, code, message, hint, report: attempt.report, gpus: [...attempt.gpus] };
  } finally {
    dispose();
  }
}

/** The job's own lock directory ends with it. */
function dropLocks(workspaceRoot: string): void {
  const job = slurmJob();
  const { lockDirectory } = loadSiteSettings(workspaceRoot);
  if (job !== undefined && basename(lockDirectory).endsWith(job.view))
    rmSync(lockDirectory, { recursive: true, force: true });
}
