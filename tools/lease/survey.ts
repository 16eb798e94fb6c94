// The lock directory as a pass finds it: who holds what, who waits, and what there cannot be read.
import { isBroken } from './broken.js';
import { isOwnerAlive } from './ids.js';
import { readGpuLocks, type GpuLock } from './gpu-locks.js';
import type { LockDirectory } from './lock-directory.js';
import { isAlive, strangeness, type ProcessIdentity } from './process-identity.js';
import {
  readLeases,
  readTickets,
  removeLease,
  removeTicket,
  type LeaseRecord,
  type TicketRecord,
} from './records.js';
import { reap } from './reap.js';
import type { Gpu, Lease } from './state.js';

export interface Survey {
  leases: LeaseRecord[];
  tickets: TicketRecord[];
  /** Tickets that were granted and still stand: their executor may not have heard. */
  unheard: string[];
  /** Leases that cannot be read: their GPUs, as the locks tell, stay held, and a CPU slot each. */
  unreadable: (Lease & { gpuIndices: number[] })[];
  /** A sentence for each thing that is not as it should be. */
  warnings: string[];
}

/**
 * Read all there is, end what the dead left. Called under the scheduler lock.
 *
 * @param touch false: only look, also without the lock; what the dead left is reported as it lies there.
 * @throws Error when a process of another host or container uses the directory: nobody here can tell who lives.
 */
export function survey(directory: LockDirectory, gpus: readonly Gpu[], touch = true): Survey {
  // Tickets first: without the lock, a grant between the two then shows as ticket and lease, and not as neither.
  const found = { tickets: readTickets(directory), leases: readLeases(directory) };
  if (touch) {
    for (const { executor } of [...found.leases.records, ...found.tickets.records])
      requireKin(directory, executor);
  }
  const leases = touch ? reap(directory, found.leases.records) : found.leases.records;
  const known = new Set(leases.map(({ id }) => id));
  const tickets = found.tickets.records.filter((ticket) => {
    if (isAlive(ticket.executor)) return !known.has(ticket.id);
    if (touch) removeTicket(directory, ticket.id);
    return false;
  });
  for (const { id } of found.tickets.damaged) if (touch && !isOwnerAlive(id)) removeTicket(directory, id);
  const locks = readGpuLocks(directory);
  const damaged = found.leases.damaged.filter(({ id }) => {
    if (mayStillHold(id, locks, gpus)) return true;
    if (touch) removeLease(directory, id);
    return false;
  });
  // A broken lease was taken from its executor on purpose, its processes gone.
  const lost = lostLeases(locks, known, damaged).filter((id) => !isBroken(directory, id));
  return {
    leases,
    tickets,
    unheard: found.tickets.records.map(({ id }) => id).filter((id) => known.has(id)),
    unreadable: [...damaged.map(({ id }) => id), ...lost].map((id) => unreadableLease(id, locks)),
    warnings: [
      ...[...damaged, ...found.tickets.damaged].map(
        ({ path, why }) =>
          `${path} ${why}; what it stands for stays held. Remove it once no run is using it.`,
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

function requireKin(directory: LockDirectory, executor: ProcessIdentity): void {
  const stranger = strangeness(executor);
  if (stranger === undefined) return;
  throw new Error(
    `lock directory ${directory.root} is used by process ${executor.pid} of ${stranger}, which cannot be seen from here. ` +
      'Give each its own (leases.directory in workspace-config/site.yaml, or VALIDATION_LOCK_DIR) and its own GPUs; if that process is gone, remove the directory.',
  );
}

/** A torn lease of a living executor holds; one of a dead executor holds the GPUs on which still somebody computes. */
function mayStillHold(id: string, locks: readonly GpuLock[], gpus: readonly Gpu[]): boolean {
  return (
    isOwnerAlive(id) ||
    uuidsOf(id, locks).some((uuid) => gpus.find((gpu) => gpu.uuid === uuid)?.busy !== false)
  );
}

/** Leases that only GPU locks still tell of: their file was removed by hand while their executor runs. */
function lostLeases(
  locks: readonly GpuLock[],
  known: ReadonlySet<string>,
  damaged: readonly { id: string }[],
): string[] {
  const ids = new Set(locks.flatMap(({ holders }) => holders.map(({ lease }) => lease)));
  return [...ids].filter((id) => !known.has(id) && !damaged.some((one) => one.id === id) && isOwnerAlive(id));
}

function uuidsOf(id: string, locks: readonly GpuLock[]): string[] {
  return heldBy(id, locks).map(({ uuid }) => uuid);
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
    grantedAtMs: 0,
    seconds: Infinity,
  };
}
