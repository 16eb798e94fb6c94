// The allocation that a run is in: when it ends, which the run tells its executors, and what is said of it.
import { endOfJob, slurmJob } from '../../host/slurm.js';
import type { SiteSettings } from '../../suite/settings/settings.js';

export interface Allocation {
  lines: string[];
  /** Why the run must not start. */
  refusal?: string;
  /** The earliest of what Slurm and the settings say, as VALIDATION_DEADLINE has it. */
  deadline?: string;
}

export function lookAtAllocation(
  { deadline, deadlineMarginSeconds }: Pick<SiteSettings, 'deadline' | 'deadlineMarginSeconds'>,
  environment: NodeJS.ProcessEnv = process.env,
  nowMs = Date.now(),
): Allocation {
  const job = slurmJob(environment);
  const asked = job === undefined ? undefined : endOfJob(job, environment);
  const lines: string[] = [];
  const who = job === undefined ? 'this host' : `Slurm job ${job.id} on ${job.node}`;
  if (asked?.ok === false) {
    const then = deadline === null ? '; VALIDATION_DEADLINE sets it' : '';
    lines.push(`when ${who} ends is not known (${asked.error})${then}`);
  }
  const endMs = Math.min(
    asked?.ok === true ? asked.value : Infinity,
    deadline === null ? Infinity : Date.parse(deadline),
  );
  if (endMs === Infinity) return { lines };
  const end = new Date(endMs).toISOString();
  const leftSeconds = Math.floor((endMs - nowMs) / 1_000) - deadlineMarginSeconds;
  if (leftSeconds <= 0) {
    const margin = `deadline.margin_s (VALIDATION_DEADLINE_MARGIN) is ${deadlineMarginSeconds} s`;
    return { lines, refusal: `${who} ends at ${end}, and ${margin}: no cell could run` };
  }
  lines.push(
    `${who} ends at ${end}: cells that would pass it are not started, running ones are ended ${deadlineMarginSeconds} s before`,
  );
  return { lines, deadline: end };
}
