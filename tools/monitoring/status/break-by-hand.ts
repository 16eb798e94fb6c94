// `nx leases --break`: finds the one lease or job meant, says whose it is, and ends it if told to.
import { durationText } from '../../base/duration.js';
import type { JobRecord } from '../../execution/engine/job-records.js';
import { revokeLease } from '../../execution/lease/revoke.js';
import { openLockDirectory } from '../../execution/lease/directory/lock-directory.js';
import { loadSiteSettings } from '../../suite/settings/settings.js';
import { breakJob } from './break-job.js';
import { listLeases, type LeaseList } from './leases.js';
import { resourcesText } from './leases-text.js';

/**
 * End the lease whose id begins with `prefix`, or the Slurm job of that number; without `yes` only say so.
 *
 * @throws Error when no lease, or more than one, begins so; it lists what there is. Or when it cannot be ended.
 */
export async function breakByHand(
  workspaceRoot: string,
  prefix: string,
  yes: boolean,
  log: (line: string) => void,
): Promise<void> {
  const directory = openLockDirectory(loadSiteSettings(workspaceRoot).lockDirectory);
  const list = listLeases(directory);
  const job = findJob(list, prefix);
  if (job !== undefined) return breakJob(job, yes, log);
  const id = findLease(list, prefix);
  const held = describeHolder(list, id);
  if (!yes) {
    log(`would end lease ${id}: ${held}`);
    log(
      'Its worker would get SIGTERM, and SIGKILL after 5 s, and its cell fail. Nothing was done. To do it, add --yes',
    );
    return;
  }
  log(`ending lease ${id}: ${held}`);
  const how = await revokeLease(directory, id);
  log(`lease ${id} is ended (${how}): ${held}`);
}

/**
 * The job of just that number, or of the cell of that name.
 *
 * @throws Error when a lease may be meant as well, or when the cell has no job yet.
 */
export function findJob(
  { jobs, leases }: LeaseList,
  prefix: string,
): (JobRecord & { job: string }) | undefined {
  const [found] = jobs.filter(({ job, cell }) => prefix !== '' && (job === prefix || cell === prefix));
  if (found === undefined) return undefined;
  const lease = leases.find(({ id }) => id.startsWith(prefix));
  if (lease !== undefined) {
    throw new Error(
      `"${prefix}" may be Slurm job ${prefix} (${found.cell}) or lease ${lease.id} (${lease.cell}): give the name of the job's cell, or more of the lease's id.`,
    );
  }
  const { job, cell, reason, executor } = found;
  if (job !== null) return { ...found, job };
  throw new Error(
    `${cell} has no job yet (${reason}). To give it up end its run, whose executor is process ${executor.pid}.`,
  );
}

/** @throws Error that lists the ids, unless just one lease begins so. */
export function findLease({ leases, tickets, damaged, jobs }: LeaseList, prefix: string): string {
  const ids = [...leases.map(({ id }) => id), ...damaged.map(({ id }) => id)];
  const meant = prefix === '' ? [] : ids.filter((id) => id.startsWith(prefix));
  const [only] = meant;
  if (only !== undefined && meant.length === 1) return only;
  const known = (some: readonly string[]): string =>
    some.map((id) => `\n  ${id}${cellOf(leases, id)}`).join('');
  if (meant.length > 1) throw new Error(`"${prefix}" may be any of ${meant.length} leases:${known(meant)}`);
  const ticket = prefix === '' ? undefined : tickets.find(({ id }) => id.startsWith(prefix));
  if (ticket !== undefined) {
    throw new Error(
      `${ticket.id} (${ticket.cell}) waits and holds nothing. To give it up end its run, whose executor is process ${ticket.executorPid}.`,
    );
  }
  const numbers = jobs.map(({ job, cell }) => `\n  ${job ?? '-'}  ${cell}`).join('');
  const others = numbers === '' ? '' : ` Slurm jobs, by number:${numbers}`;
  throw new Error(
    ids.length === 0
      ? `no lease "${prefix}": there is none at all.${others}`.replace(/\.$/, '')
      : `no lease begins with "${prefix}". There are:${known(ids)}${others === '' ? '' : `\n${others.trim()}`}`,
  );
}

function cellOf(leases: LeaseList['leases'], id: string): string {
  const lease = leases.find((one) => one.id === id);
  return lease === undefined ? '  (its file is damaged)' : `  ${lease.cell}`;
}

/** `smoke.m.baseline:eval of /work (executor 12, worker 13) on host h, GPU 0 …, for 3 min 12 s`. */
function describeHolder({ leases, damaged }: LeaseList, id: string): string {
  const lease = leases.find((one) => one.id === id);
  if (lease === undefined) {
    const file = damaged.find((one) => one.id === id);
    return `held by process ${id.split('-')[0] ?? '?'}; ${file?.path ?? 'its file'} ${file?.why ?? 'cannot be read'}`;
  }
  const { cell, workspace, executorPid, workerPid, host, elapsedSeconds, since, attempt } = lease;
  const worker = workerPid === null ? 'no worker yet' : `worker ${workerPid}`;
  return `${cell} (attempt ${attempt}) of ${workspace} on ${host}, executor ${executorPid}, ${worker}; ${resourcesText(lease)}; since ${since}, ${durationText(elapsedSeconds)}`;
}
