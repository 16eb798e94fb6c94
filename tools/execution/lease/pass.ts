// One pass of the scheduler: it takes the lock, reclaims what dead processes held and grants what fits. Whoever changes
// the state runs one.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { monotonicMs } from '../../base/clock.js';
import { ring } from './bell.js';
import { withFileLock } from '../../host/file-lock.js';
import { writeGpuLocks } from './directory/gpu-locks.js';
import { grant, type Waiting } from './policy/grant.js';
import { freeDiskBytes, hostRamGiB } from '../../host/host.js';
import { grantable, readAll, readIfWanted, type Readings } from './gpus/gpu-readings.js';
import type { LockDirectory } from './directory/lock-directory.js';
import { isRecovering, reopen } from './directory/recovery.js';
import { writePlain } from '../../host/plain-file.js';
import { readProgress, toProgress } from './directory/progress-record.js';
import { readRecord } from '../../host/read-record.js';
import { writeLease, type LeaseRecord, type TicketRecord } from './directory/records.js';
import { shares } from './policy/fit.js';
import type { Gpu, Grant, Progress, SchedulerState } from './policy/state.js';
import { survey, type Survey } from './survey.js';

/** Files put into a ticket's directory: the event its executor sleeps for. */
const GRANTED = 'granted';
const REFUSED = 'refused.json';
const refusalSchema = z.object({ why: z.string() });

export interface Passed {
  warnings: string[];
  state: SchedulerState;
  leases: LeaseRecord[];
  waiting: Waiting[];
  /** Somebody waits for a GPU that no lease holds: a foreign process may leave it any moment. */
  watchesGpus: boolean;
}

export interface PassOptions {
  /** Only a reading of the GPUs begun after this will do. */
  notBeforeMs?: number;
  /** Done first, under the same lock: what changes the state. */
  before?: () => void;
  /** Told once who holds the scheduler lock, when that takes long. */
  onWait?: (line: string) => void;
}

/** A stopped process may hold the lock: it is waited for, and named. */
const LOCK_TIMEOUT_MS = 600_000;

/** @throws Error when the lock directory cannot be used. */
export async function schedulerPass(directory: LockDirectory, options: PassOptions = {}): Promise<Passed> {
  const { notBeforeMs = 0, before, onWait } = options;
  // Again: it may have been removed, or opened to others, since this process began.
  reopen(directory);
  // nvidia-smi may take a second: read before the lock is taken, which is held only for milliseconds.
  const readings = await readIfWanted(directory, notBeforeMs);
  return withFileLock(
    directory.schedulerLock,
    () => {
      before?.();
      return lockedPass(directory, readings);
    },
    { timeoutMs: LOCK_TIMEOUT_MS, ...(onWait === undefined ? {} : { onWait }) },
  );
}

/** What a pass would find and decide now, lock or no lock: nothing is granted, ended, removed or written. */
export async function lookOn(directory: LockDirectory): Promise<Passed> {
  const { gpus, warnings } = await readAll(directory);
  const found = survey(directory, false);
  const now = monotonicMs();
  const state = stateOf(directory, found, gpus, null);
  const { leases } = found;
  return {
    warnings: [...warnings, ...found.warnings],
    state,
    leases,
    waiting: grant(state, now).waiting,
    watchesGpus: false,
  };
}

function lockedPass(directory: LockDirectory, readings: Readings): Passed {
  const found = survey(directory);
  const gpus = grantable(readings, [...found.leases, ...found.unreadable]);
  const { warnings } = readings;
  const now = monotonicMs();
  const idleSinceMs = idleSince(directory, found.leases.length + found.unreadable.length > 0, now);
  const state = stateOf(directory, found, gpus, idleSinceMs);
  if (idleSinceMs === now) writePlain(idlePath(directory), JSON.stringify({ sinceMs: now }));
  const wanted = grant(state, now);
  const decision = isRecovering(directory, now) ? { ...wanted, grants: [], refusals: [] } : wanted;
  const granted: LeaseRecord[] = [];
  for (const id of found.unheard) ring(directory, id, GRANTED);
  for (const one of decision.grants) {
    const ticket = found.tickets.find(({ id }) => id === one.ticket.id);
    if (ticket === undefined) continue;
    const lease = leaseRecord(one, ticket, gpus, now);
    // The locks first: should this process die between the two, they are swept, and nothing was given.
    writeGpuLocks(directory, [...found.leases, ...found.unreadable, ...granted, lease]);
    writeLease(directory, lease);
    granted.push(lease);
    ring(directory, ticket.id, GRANTED);
  }
  for (const { ticket, reason } of decision.refusals) {
    ring(directory, ticket.id, REFUSED, JSON.stringify({ why: reason }));
  }
  writeGpuLocks(directory, [...found.leases, ...found.unreadable, ...granted]);
  return {
    warnings: [...warnings, ...found.warnings],
    state,
    leases: [...found.leases, ...granted],
    waiting: decision.waiting,
    watchesGpus: readings.fresh && decision.waiting.some(({ ticket }) => ticket.needs.gpus > 0),
  };
}

/** Why a ticket was refused; undefined while it was not. */
export function readRefusal(directory: LockDirectory, id: string): string | undefined {
  const found = readRecord(join(directory.tickets, id, REFUSED), refusalSchema);
  return found.ok ? found.value.why : undefined;
}

function stateOf(
  directory: LockDirectory,
  found: Survey,
  gpus: Gpu[],
  idleSinceMs: number | null,
): SchedulerState {
  const roots = new Map(found.tickets.map(({ limits, storageRoot }) => [limits.disk.device, storageRoot]));
  return {
    host: {
      gpus,
      ramGiB: hostRamGiB(),
      freeDiskBytes: Object.fromEntries([...roots].map(([device, root]) => [device, freeDiskBytes(root)])),
    },
    leases: [...found.leases, ...found.unreadable],
    tickets: found.tickets,
    progress: progressOf(directory, found),
    idleSinceMs,
  };
}

function progressOf(directory: LockDirectory, { tickets }: Survey): Record<string, Progress> {
  const runs = [...new Set(tickets.map(({ run }) => run))];
  return Object.fromEntries(
    runs.flatMap((run) => {
      const record = readProgress(directory, run);
      return record === undefined ? [] : [[run, toProgress(record)] as const];
    }),
  );
}

const idleSchema = z.object({ sinceMs: z.number() });

const idlePath = (directory: LockDirectory): string => join(directory.root, 'idle.json');

/** Since when nothing is leased, kept in the lock directory; `now` when that begins. A later boot's clock began anew. */
function idleSince(directory: LockDirectory, busy: boolean, now: number): number | null {
  if (busy) {
    rmSync(idlePath(directory), { force: true });
    return null;
  }
  const kept = readRecord(idlePath(directory), idleSchema);
  return kept.ok && kept.value.sinceMs <= now ? kept.value.sinceMs : now;
}

function leaseRecord(one: Grant, ticket: TicketRecord, gpus: readonly Gpu[], now: number): LeaseRecord {
  return {
    id: ticket.id,
    key: ticket.key,
    cell: ticket.cell,
    run: ticket.run,
    workspace: ticket.workspace,
    model: ticket.standing.model,
    kind: ticket.standing.kind,
    executor: ticket.executor,
    worker: null,
    attempt: ticket.attempt,
    gpus: one.gpus,
    gpuIndices: one.gpus.map((uuid) => gpus.find((gpu) => gpu.uuid === uuid)?.index ?? -1),
    gibPerGpu: ticket.needs.gibPerGpu,
    cpuSlots: one.cpuSlots,
    ramGiB: one.ramGiB,
    diskBytes: one.diskBytes,
    diskDevice: ticket.limits.disk.device,
    sharing: shares(ticket) ? 'memory' : 'exclusive',
    parts: one.parts,
    drop: one.evict,
    units: one.units,
    queuedAtMs: ticket.queuedAtMs,
    grantedAtMs: now,
    grantedAt: new Date().toISOString(),
    seconds: one.seconds,
    terminatedAtMs: null,
  };
}
