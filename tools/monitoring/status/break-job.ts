// `nx leases --break` of a job of Slurm: says what it is, cancels it if told to, and waits until Slurm says that it has ended.
import { setTimeout as sleep } from 'node:timers/promises';
import { durationText } from '../../base/duration.js';
import type { JobRecord } from '../../execution/engine/job-records.js';
import { slurm } from '../../execution/engine/slurm/commands.js';
import { readEnd } from '../../execution/engine/slurm/queue.js';
import { isLive } from '../../execution/engine/slurm/states.js';

/** Slurm itself sends SIGKILL after its KillWait, 30 s as a rule. */
const END_MS = 120_000;
const LOOK_MS = 500;

/** @throws Error when Slurm does not cancel it, or it does not end. */
export async function breakJob(
  of: JobRecord & { job: string },
  yes: boolean,
  log: (line: string) => void,
): Promise<void> {
  const { job } = of;
  const what = describe(of);
  if (!yes) {
    log(`would cancel Slurm job ${job}: ${what}`);
    log('Its cell would fail, and not be tried again by itself. Nothing was done. To do it, add --yes');
    return;
  }
  log(`cancelling Slurm job ${job}: ${what}`);
  const cancelled = await slurm('scancel', [job]);
  if (!cancelled.ok) throw new Error(`Slurm job ${job} is not cancelled: ${cancelled.error}`);
  for (let waitedMs = 0; waitedMs < END_MS; waitedMs += LOOK_MS) {
    const ended = await readEnd(job);
    if (ended !== undefined && !isLive(ended.state)) {
      log(`Slurm job ${job} is cancelled: ${what}`);
      return;
    }
    await sleep(LOOK_MS);
  }
  throw new Error(
    `Slurm job ${job} was told to end, and is in the queue after ${END_MS / 1_000} s: squeue --jobs=${job} says why.`,
  );
}

function describe({
  cell,
  attempt,
  workspace,
  state,
  node,
  reason,
  gpus,
  since,
  executor,
}: JobRecord): string {
  const where = state === 'running' ? `runs on ${node}` : `waits: ${reason}`;
  const seconds = Math.max(0, Date.now() - Date.parse(since)) / 1_000;
  return `${cell} (attempt ${attempt}) of ${workspace}, executor ${executor.pid}; ${where}; ${gpus} GPU${gpus === 1 ? '' : 's'}; since ${since.slice(0, 19)}Z, ${durationText(seconds)}`;
}
