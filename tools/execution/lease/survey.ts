// The survey of the lock directory that a pass begins with: who holds what, who waits, and what cannot be read.
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { isRevoked } from './directory/revocation.js';
import { isOwnerAlive } from './directory/ids.js';
import { readGpuLocks, type GpuLock } from './directory/gpu-locks.js';
import type { LockDirectory } from './directory/lock-directory.js';
import { lifeOf, strangeness } from '../../host/process-identity.js';
import {
  readLeases,
  readTickets,
  removeLease,
  removeTicket,
  type LeaseRecord,
  type TicketRecord,
} from './directory/records.js';
import { endStrays, reap } from './reap.js';
import type { Lease } from './policy/state.js';

export interface Survey {
  leases: LeaseRecord[];
  tickets: TicketRecord[];
  /** Tickets that were granted and still stand: their executor may not have heard. */
  unheard: string[];
  /** Leases that cannot be read, or whose file is gone: their GPUs, as the locks tell, stay held, and a CPU slot each. */
  unreadable: (Lease & { gpuIndices: number[] })[];
  /** A sentence for each thing that is not as it should be. */
  warnings: string[];
}

/**
 * Read all there is, end what dead processes left. Called under the scheduler lock.
 *
 * @param touch false: only look, also without the lock; what the dead left is reported as it lies there.
 * @throws Error when a process of another host or container uses the directory: nobody here can tell who lives.
 */
export function survey(directory: LockDirectory, touch = true): Survey {
  // Tickets first: without the lock, a grant between the two then shows as ticket and lease, and not as neither.
  const found = { tickets: readTickets(directory), leases: readLeases(directory) };
  if (touch) requireKin(directory, found.leases.records, found.tickets.records);
  const leases = touch ? reap(directory, found.leases.records) : found.leases.records;
  const known = new Set(leases.map(({ id }) => id));
  const stopped = new Set<string>();
  const standing = found.tickets.records.filter(({ id, executor }) => {
    const life = lifeOf(executor);
    if (life === 'stopped') stopped.add(id);
    if (life === 'gone' && touch) removeTicket(directory, id);
    return life !== 'gone';
  });
  const tornTickets = found.tickets.damaged.filter(({ id }) => {
    if (isOwnerAlive(id)) return true;
    if (touch) removeTicket(directory, id);
    return false;
  });
  for (const id of found.tickets.hollow) if (touch && !isOwnerAlive(id)) removeTicket(directory, id);
  const locks = readGpuLocks(directory);
  const damaged = found.leases.damaged.filter(({ id }) => {
    if (isOwnerAlive(id) || !touch || endStrays(id)) return true;
    removeLease(directory, id);
    return false;
  });
  const told = new Set([...leases, ...damaged, ...standing].map(({ id }) => id));
  // A revoked lease was taken from its executor on purpose, its processes gone.
  const lost = lostLeases(locks, told).filter((id) => !isRevoked(directory, id));
  return {
    leases,
    // One that is stopped could not use what it is given: it waits until it goes on.
    tickets: standing.filter(({ id }) => !known.has(id) && !stopped.has(id)),
    unheard: standing.map(({ id }) => id).filter((id) => known.has(id)),
    unreadable: [...damaged.map(({ id }) => id), ...lost].map((id) => unreadableLease(id, locks)),
    warnings: [
      ...[...damaged, ...tornTickets].map(
        ({ path, problem }) =>
          `${path} ${problem}; what it stands for stays held. Remove it once no run is using it.`,
      ),
      ...lost.map(
        (id) =>
          `leases/${id}.json is gone, but its GPU lock is not: the GPU stays held while its executor lives`,
      ),
      ...[...found.leases.foreign, ...found.tickets.foreign].map(
        (name) => `${directory.root}: "${name}" is not this suite's and is left alone`,
      ),
    ],
  };
}

/** @throws Error when one of the processes cannot be seen from here: nobody could tell whether it lives. */
function requireKin(
  directory: LockDirectory,
  leases: readonly LeaseRecord[],
  tickets: readonly TicketRecord[],
): void {
  // A lease's heartbeat is its last word; a ticket is written once.
  const words = [
    ...leases.map(({ id, executor }) => ({ executor, file: join(directory.heartbeats, `${id}.json`) })),
    ...tickets.map(({ id, executor }) => ({ executor, file: join(directory.tickets, id, 'ticket.json') })),
  ];
  for (const { executor, file } of words) {
    const stranger = strangeness(executor, lstatSync(file, { throwIfNoEntry: false })?.mtimeMs);
    if (stranger === undefined) continue;
    throw new Error(
      `lock directory ${directory.root} is used by process ${executor.pid} of ${stranger}, which cannot be seen from here. ` +
        'Give each its own (leases.directory in workspace-config/site.yaml, or VALIDATION_LOCK_DIR) and its own GPUs; if that process is gone, remove the directory.',
    );
  }
}

/** Ask before anything is written there: whoever may not use the directory must not disturb those who do. */
export function requireOwnDirectory(directory: LockDirectory): void {
  requireKin(directory, readLeases(directory).records, readTickets(directory).records);
}

/**
 * Leases that only GPU locks still tell of: their file was removed by hand while their executor runs. One whose ticket
 * stands was never given: its granter died between the two files.
 */
function lostLeases(locks: readonly GpuLock[], told: ReadonlySet<string>): string[] {
  const ids = new Set(locks.flatMap(({ holders }) => holders.map(({ lease }) => lease)));
  return [...ids].filter((id) => !told.has(id) && isOwnerAlive(id));
}

function heldBy(id: string, locks: readonly GpuLock[]): { cell: string; uuid: string; index: number }[] {
  return locks.flatMap(({ index, holders }) =>
    holders.filter(({ lease }) => lease === id).map(({ cell, uuid }) => ({ cell, uuid, index })),
  );
}

function unreadableLease(id: string, locks: readonly GpuLock[]): Survey['unreadable'][number] {
  const held = heldBy(id, locks);
  return {
    id,
    key: `unreadable ${id}`,
    cell: held[0]?.cell ?? 'unreadable',
    run: '',
    model: '',
    kind: 'setup',
    gpus: held.map(({ uuid }) => uuid),
    gpuIndices: held.map(({ index }) => index),
    gibPerGpu: Infinity,
    cpuSlots: 1,
    ramGiB: 0,
    diskBytes: 0,
    diskDevice: '',
    sharing: 'exclusive',
    units: 1,
    grantedAtMs: 0,
    seconds: Infinity,
  };
}
