// One scheduler pass: take the lock, reclaim what the dead left, grant what fits. Whoever changes the state runs one.
import { statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { withFileLock } from './file-lock.js';
import { grant, type Gpu } from './grant.js';
import type { LockDirectory } from './lock-directory.js';
import { readGpus } from './pool.js';
import { isAlive } from './process-identity.js';
import { reap } from './reap.js';
import {
  readLeases,
  readTickets,
  removeTicket,
  writeLease,
  type LeaseRecord,
  type TicketRecord,
} from './records.js';

/** File put into a granted ticket's directory: the event its executor sleeps for; that it appears is all it says. */
const GRANTED = 'granted';

export async function schedulerPass(directory: LockDirectory): Promise<void> {
  // nvidia-smi may take a second: read before the lock is taken, which is held only for milliseconds.
  const wantGpus = readTickets(directory).some(({ needs }) => needs.gpus > 0);
  const gpus = wantGpus ? await readGpus(directory.gpus) : [];
  await withFileLock(directory.schedulerLock, () => {
    lockedPass(directory, gpus);
  });
}

/** Run a pass unless somebody ran one in the last second: what causes no event (a killed process) is still seen. */
export async function tick(directory: LockDirectory): Promise<void> {
  const stamp = join(directory.root, 'tick');
  try {
    const age = Date.now() - statSync(stamp).mtimeMs;
    if (age >= 0 && age < 1_000) return;
    utimesSync(stamp, new Date(), new Date());
  } catch {
    writeFileSync(stamp, '', { mode: 0o600 });
  }
  await schedulerPass(directory);
}

function lockedPass(directory: LockDirectory, gpus: Gpu[]): void {
  const leases = reap(directory, readLeases(directory));
  const granted = new Set(leases.map(({ id }) => id));
  const tickets: TicketRecord[] = [];
  for (const ticket of readTickets(directory)) {
    if (!isAlive(ticket.executor)) removeTicket(directory, ticket.id);
    else if (!granted.has(ticket.id)) tickets.push(ticket);
  }
  for (const { ticket, gpus: uuids, cpuSlots } of grant({ gpus, leases, tickets })) {
    const record = tickets.find(({ id }) => id === ticket.id);
    if (record === undefined) continue;
    const lease: LeaseRecord = {
      id: ticket.id,
      key: ticket.key,
      cell: ticket.cell,
      workspace: record.workspace,
      host: hostname(),
      executor: record.executor,
      worker: null,
      gpus: uuids,
      gpuIndices: gpus.filter(({ uuid }) => uuids.includes(uuid)).map(({ index }) => index),
      gibPerGpu: ticket.needs.gibPerGpu,
      cpuSlots,
      grantedAt: new Date().toISOString(),
      terminatedAt: null,
    };
    writeLease(directory, lease);
    try {
      writeFileSync(join(directory.tickets, ticket.id, GRANTED), '', { mode: 0o600 });
    } catch {
      // Its executor gave up in this instant, or the disk is full: the bell is not rung, the lease is found all the same.
    }
  }
}
