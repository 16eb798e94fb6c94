// Tickets and leases as files, `tickets/<id>/ticket.json` and `leases/<id>.json`, each written by temporary file and rename.
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { CELL_KINDS } from '../../../suite/model/cell.js';
import { removeFromGpuLocks } from './gpu-locks.js';
import { removeHeartbeat } from './heartbeat.js';
import { identitySchema } from './identity-schema.js';
import { isId } from './ids.js';
import type { LockDirectory } from './lock-directory.js';
import { isTemporary } from '../../../base/files.js';
import { ok } from '../../../base/result.js';
import { damaged, writePlain } from '../../../host/plain-file.js';
import { readRecord, type RecordRead } from '../../../host/read-record.js';

const kind = z.enum(CELL_KINDS);

const ticketSchema = z.object({
  id: z.string(),
  key: z.string(),
  cell: z.string(),
  run: z.string(),
  workspace: z.string(),
  standing: z.object({
    suite: z.string(),
    model: z.string(),
    kind,
    base: z.number(),
    weightsGiB: z.number(),
    cellsOfModel: z.number(),
    blocks: z.number(),
    units: z.number(),
    chains: z.array(z.array(z.tuple([kind, z.number()]))),
  }),
  needs: z.object({
    gpus: z.number(),
    gibPerGpu: z.number(),
    cpuSlots: z.number(),
    ramGiB: z.number(),
    writes: z.array(z.object({ part: z.string(), bytes: z.number() })),
  }),
  limits: z.object({
    gpus: z.array(z.string()),
    cpuSlots: z.number(),
    minFreeGiB: z.number(),
    requireIdle: z.boolean(),
    toleranceGiB: z.number(),
    sharing: z.enum(['exclusive', 'memory']),
    strategy: z.enum(['small_first', 'critical_path']),
    disk: z.object({ device: z.string(), minFreeBytes: z.number() }),
    nvidiaSmiMs: z.number().optional(),
    gpuLocks: z.string().optional(),
  }),
  /** Where the weights store lies, to ask its file system what is free. */
  storageRoot: z.string(),
  queuedAtMs: z.number(),
  notBeforeMs: z.number(),
  droppableBytes: z.number(),
  attempt: z.number(),
  executor: identitySchema,
});

const leaseSchema = z.object({
  id: z.string(),
  key: z.string(),
  cell: z.string(),
  run: z.string(),
  workspace: z.string(),
  model: z.string(),
  kind,
  executor: identitySchema,
  /** The worker leads a process group of its own. */
  worker: identitySchema.nullable(),
  attempt: z.number(),
  gpus: z.array(z.string()),
  gpuIndices: z.array(z.number()),
  gibPerGpu: z.number(),
  cpuSlots: z.number(),
  ramGiB: z.number(),
  diskBytes: z.number(),
  diskDevice: z.string(),
  sharing: z.enum(['exclusive', 'memory']),
  parts: z.array(z.string()),
  /** Weights of earlier passes have to be evicted first. */
  drop: z.boolean(),
  units: z.number(),
  queuedAtMs: z.number(),
  grantedAtMs: z.number(),
  grantedAt: z.string(),
  seconds: z.number(),
  /** When the reaper first sent SIGTERM to an orphaned worker. */
  terminatedAtMs: z.number().nullable(),
});

export type TicketRecord = z.infer<typeof ticketSchema>;
export type LeaseRecord = z.infer<typeof leaseSchema>;

/** What a directory of records holds: the readable ones, and the names of those that are not, with the reason. */
export interface Records<T> {
  records: T[];
  damaged: { id: string; path: string; problem: string }[];
  /** Names without a record: about to be written, just removed, or their writer died between the two. */
  hollow: string[];
  /** Entries that no part of this suite makes. */
  foreign: string[];
}

const TICKET = 'ticket.json';

export function writeTicket(directory: LockDirectory, ticket: TicketRecord): string {
  const place = join(directory.tickets, ticket.id);
  // Not recursive: mkdir would hide why it fails, and make its parents open to others.
  if (!existsSync(place)) mkdirSync(place, { mode: 0o700 });
  writeRecord(join(place, TICKET), ticket);
  return place;
}

export function removeTicket(directory: LockDirectory, id: string): void {
  for (let attempt = 1; ; attempt += 1) {
    try {
      rmSync(join(directory.tickets, id), { recursive: true, force: true });
      return;
    } catch (error) {
      // A pass rang its bell there in this instant: what rang has to go too. A pass rings once, so this ends.
      if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY' || attempt === MAX_RINGS) throw error;
    }
  }
}

/** More than rings ever meet one removal. */
const MAX_RINGS = 100;

/** Whether the ticket can be read, granted or not. */
export function isTicketThere(directory: LockDirectory, id: string): boolean {
  return readRecord(join(directory.tickets, id, TICKET), ticketSchema).ok;
}

export function writeLease(directory: LockDirectory, lease: LeaseRecord): void {
  writeRecord(join(directory.leases, `${lease.id}.json`), lease);
}

export function removeLease(directory: LockDirectory, id: string): void {
  removeFromGpuLocks(directory, id);
  rmSync(join(directory.leases, `${id}.json`), { force: true, recursive: true });
  removeHeartbeat(directory, id);
}

/** Tickets never change once written, so each is parsed once a process. */
const parsedTickets = new Map<string, TicketRecord>();

export function readTickets(directory: LockDirectory): Records<TicketRecord> {
  const entries = readdirSync(directory.tickets, { withFileTypes: true });
  const names = entries.map((entry) => entry.name);
  const strange = new Set(entries.filter((entry) => !entry.isDirectory()).map((entry) => entry.name));
  const present = new Set(names);
  for (const id of parsedTickets.keys()) if (!present.has(id)) parsedTickets.delete(id);
  return collect(names, (id) => {
    // A link is not followed, whatever it is named.
    if (strange.has(id)) {
      return { path: join(directory.tickets, id), read: damaged('is no directory') };
    }
    const path = join(directory.tickets, id, TICKET);
    const known = parsedTickets.get(id);
    const read: RecordRead<TicketRecord> = known === undefined ? readRecord(path, ticketSchema) : ok(known);
    if (read.ok) parsedTickets.set(id, read.value);
    return { path, read };
  });
}

export function readLeases(directory: LockDirectory): Records<LeaseRecord> {
  const names = readdirSync(directory.leases).filter((name) => !isTemporary(name));
  const ids = names.map((name) => (name.endsWith('.json') ? name.slice(0, -5) : name));
  return collect(ids, (id) => {
    const path = join(directory.leases, `${id}.json`);
    return { path, read: readRecord(path, leaseSchema) };
  });
}

export function readLease(directory: LockDirectory, id: string): RecordRead<LeaseRecord> {
  return readRecord(join(directory.leases, `${id}.json`), leaseSchema);
}

function collect<T extends { id: string }>(
  names: readonly string[],
  readOne: (id: string) => { path: string; read: RecordRead<T> },
): Records<T> {
  const found: Records<T> = { records: [], damaged: [], hollow: [], foreign: [] };
  for (const id of names) {
    if (!isId(id)) {
      found.foreign.push(id);
      continue;
    }
    const { path, read } = readOne(id);
    if (read.ok && read.value.id === id) found.records.push(read.value);
    else if (read.ok) found.damaged.push({ id, path, problem: `is a copy of ${read.value.id}` });
    else if (read.error.reason === 'damaged') found.damaged.push({ id, path, problem: read.error.message });
    else found.hollow.push(id);
  }
  return found;
}

function writeRecord(path: string, value: unknown): void {
  writePlain(path, `${JSON.stringify(value, null, 2)}\n`);
}
