// `nx leases --break`: finds the one lease meant, says who holds it, and ends it if told to.
import { durationText } from '../../base/duration.js';
import { revokeLease } from '../../execution/lease/revoke.js';
import { openLockDirectory } from '../../execution/lease/directory/lock-directory.js';
import { loadSiteSettings } from '../../suite/settings/settings.js';
import { listLeases, type LeaseList } from './leases.js';
import { resourcesText } from './leases-text.js';

/**
 * End the lease whose id begins with `prefix`; without `yes` only say so.
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

/** @throws Error that lists the ids, unless just one lease begins so. */
export function findLease({ leases, tickets, damaged }: LeaseList, prefix: string): string {
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
  throw new Error(
    ids.length === 0
      ? `no lease "${prefix}": there is none at all`
      : `no lease begins with "${prefix}". There are:${known(ids)}`,
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
