// What an executor calls: wait for a lease, hold it, give it back.
import { watch, type FSWatcher } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../base/message.js';
import { withFileLock } from './file-lock.js';
import { impossible, type Limits, type Needs } from './grant.js';
import type { LockDirectory } from './lock-directory.js';
import { schedulerPass, tick } from './pass.js';
import { identityOf, ownIdentity } from './process-identity.js';
import {
  newId,
  readLease,
  readLeases,
  removeLease,
  removeTicket,
  writeLease,
  writeTicket,
  type LeaseRecord,
} from './records.js';

export interface LeaseRequest {
  /** Same work, same key: waits while another run has it. */
  key: string;
  cell: string;
  workspace: string;
  needs: Needs;
  limits: Limits;
  priority: number;
  /** Since when the cell waits, milliseconds since the epoch: a new try keeps its place by age. */
  queuedAt?: number;
}

export interface HeldLease {
  record: LeaseRecord;
  waitedMs: number;
  /** Name the process group that uses the lease, so that it can be ended if this executor dies. */
  setWorker: (pid: number) => void;
  release: () => Promise<void>;
}

export class Cancelled extends Error {}

/**
 * Wait until the request is granted.
 *
 * @param onWait called once, with what is wanted and who holds it, when the grant is not immediate; and when the pass
 * after a release fails.
 * @throws Cancelled when `signal` aborts; Error when this host can never grant it.
 */
export async function acquireLease(
  directory: LockDirectory,
  request: LeaseRequest,
  signal: AbortSignal,
  onWait: (why: string) => void,
): Promise<HeldLease> {
  const never = impossible(request.needs, request.limits);
  if (never !== undefined) throw new Error(`${request.cell} ${never}`);
  const id = newId();
  const began = Date.now();
  const place = writeTicket(directory, {
    ...request,
    id,
    createdAt: request.queuedAt ?? began,
    executor: ownIdentity(),
  });
  try {
    const record = await waitForGrant(directory, id, place, request, signal, onWait);
    removeTicket(directory, id);
    return hold(directory, record, Date.now() - began, (error) => {
      onWait(`scheduler: ${messageOf(error)}`);
    });
  } catch (error) {
    // Under the lock: a grant may be on its way, and must not outlive the ticket. What goes wrong here must not hide
    // why the wait ended; a ticket or lease left behind ends with this process.
    await withFileLock(directory.schedulerLock, () => {
      removeTicket(directory, id);
      removeLease(directory, id);
    }).catch(() => undefined);
    throw error;
  }
}

async function waitForGrant(
  directory: LockDirectory,
  id: string,
  place: string,
  request: LeaseRequest,
  signal: AbortSignal,
  onWait: (why: string) => void,
): Promise<LeaseRecord> {
  // The watch stands before the state is read, so no grant falls between the two.
  const bell = new Bell(place);
  try {
    await schedulerPass(directory);
    for (let told = false; ;) {
      if (signal.aborted) throw new Cancelled(`${request.cell}: cancelled while waiting`);
      // The lease is the truth; the file beside the ticket only rings the bell.
      const lease = readLease(directory, id);
      if (lease !== undefined) return lease;
      if (!told) onWait(describeWait(directory, request));
      told = true;
      await bell.rung(900 + Math.random() * 200, signal);
      await tick(directory);
    }
  } finally {
    bell.close();
  }
}

/** Rings when something changes in a directory. */
class Bell {
  readonly #watcher: FSWatcher | undefined;
  #ring: () => void = () => undefined;
  constructor(path: string) {
    try {
      this.#watcher = watch(path, { persistent: false }, () => {
        this.#ring();
      });
      this.#watcher.on('error', () => undefined);
    } catch {
      // No watches left on this host: the look once a second serves.
    }
  }
  async rung(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const bell = new Promise<void>((resolve) => {
      this.#ring = resolve;
    });
    const timer = new AbortController();
    const timeout = sleep(timeoutMs, undefined, { signal: AbortSignal.any([timer.signal, signal]) }).catch(
      () => undefined,
    );
    await Promise.race([bell, timeout]);
    timer.abort();
  }
  close(): void {
    this.#watcher?.close();
  }
}

function hold(
  directory: LockDirectory,
  granted: LeaseRecord,
  waitedMs: number,
  onFailedPass: (error: unknown) => void,
): HeldLease {
  let record = granted;
  let released = false;
  return {
    record: granted,
    waitedMs,
    setWorker(pid) {
      record = { ...record, worker: identityOf(pid) ?? null };
      writeLease(directory, record);
    },
    async release() {
      if (released) return;
      released = true;
      removeLease(directory, granted.id);
      // The resources are free now. Whoever waits looks once a second, so a pass that fails here fails nobody's cell.
      await schedulerPass(directory).catch(onFailedPass);
    },
  };
}

function describeWait(directory: LockDirectory, { key, needs }: LeaseRequest): string {
  const leases = readLeases(directory);
  const twin = leases.find((lease) => lease.key === key);
  if (twin !== undefined) return `waiting: another run (process ${twin.executor.pid}) has this cell`;
  const wanted =
    needs.gpus > 0
      ? `${needs.gpus} GPU${needs.gpus > 1 ? 's' : ''} of ${needs.gibPerGpu.toFixed(0)} GiB`
      : 'a CPU slot';
  const holders = leases.filter((lease) => needs.gpus === 0 || lease.gpus.length > 0).map(({ cell }) => cell);
  const shown = holders.slice(0, 4).join(', ') + (holders.length > 4 ? `, … (${holders.length})` : '');
  return `waiting for ${wanted}${shown === '' ? '' : `; held by ${shown}`}`;
}
