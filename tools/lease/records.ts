// Tickets and leases as files: `tickets/<id>/ticket.json`, `leases/<id>.json`, each by temporary file and rename.
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readIfThere, writeWhole } from '../base/files.js';
import type { LockDirectory } from './lock-directory.js';

const identitySchema = z.object({ pid: z.number().int(), startTime: z.string(), bootId: z.string() });

const ticketSchema = z.object({
  id: z.string(),
  key: z.string(),
  cell: z.string(),
  workspace: z.string(),
  needs: z.object({ gpus: z.number(), gibPerGpu: z.number(), cpuSlots: z.number() }),
  limits: z.object({
    gpus: z.array(z.string()),
    cpuSlots: z.number(),
    minFreeGiB: z.number(),
    requireIdle: z.boolean(),
  }),
  priority: z.number(),
  createdAt: z.number(),
  executor: identitySchema,
});

const leaseSchema = z.object({
  id: z.string(),
  key: z.string(),
  cell: z.string(),
  workspace: z.string(),
  host: z.string(),
  executor: identitySchema,
  /** The worker leads a process group of its own. */
  worker: identitySchema.nullable(),
  gpus: z.array(z.string()),
  gpuIndices: z.array(z.number()),
  gibPerGpu: z.number(),
  cpuSlots: z.number(),
  grantedAt: z.string(),
  /** When the reaper first sent SIGTERM to an orphaned worker, milliseconds since the epoch. */
  terminatedAt: z.number().nullable(),
});

export type TicketRecord = z.infer<typeof ticketSchema>;
export type LeaseRecord = z.infer<typeof leaseSchema>;

export const newId = (): string => `${Date.now().toString(36)}-${randomBytes(6).toString('hex')}`;

export function writeTicket(directory: LockDirectory, ticket: TicketRecord): string {
  const place = join(directory.tickets, ticket.id);
  mkdirSync(place, { mode: 0o700 });
  writeRecord(join(place, 'ticket.json'), ticket);
  return place;
}

export function removeTicket(directory: LockDirectory, id: string): void {
  rmSync(join(directory.tickets, id), { recursive: true, force: true });
}

export function writeLease(directory: LockDirectory, lease: LeaseRecord): void {
  writeRecord(join(directory.leases, `${lease.id}.json`), lease);
}

export function removeLease(directory: LockDirectory, id: string): void {
  rmSync(join(directory.leases, `${id}.json`), { force: true });
}

export function readTickets(directory: LockDirectory): TicketRecord[] {
  return readdirSync(directory.tickets).flatMap((id) => {
    const ticket = readWhole(join(directory.tickets, id, 'ticket.json'), ticketSchema);
    return ticket ?? [];
  });
}

export function readLeases(directory: LockDirectory): LeaseRecord[] {
  return readdirSync(directory.leases)
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => readWhole(join(directory.leases, name), leaseSchema) ?? []);
}

export function readLease(directory: LockDirectory, id: string): LeaseRecord | undefined {
  return readWhole(join(directory.leases, `${id}.json`), leaseSchema);
}

/**
 * @returns undefined when the file is gone.
 * @throws Error when it is there but is no such record: guessing here could give a GPU out twice.
 */
function readWhole<T>(path: string, schema: z.ZodType<T>): T | undefined {
  const text = readIfThere(path);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new Error(`${path} is damaged or not this suite's. Remove it once no run is using it.`);
}

function writeRecord(path: string, value: unknown): void {
  writeWhole(path, `${JSON.stringify(value, null, 2)}\n`, 0o600);
}
