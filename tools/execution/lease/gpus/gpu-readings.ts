// The reading of the GPUs that a pass works with: none while nobody waits for a GPU, an old one while all are held.
import { monotonicMs } from '../../../base/clock.js';
import { messageOf } from '../../../base/message.js';
import type { LockDirectory } from '../directory/lock-directory.js';
import { readGpus, type GpusWanted } from './occupancy.js';
import { DEFAULT_LIMIT_MS } from '../../../host/nvidia-smi.js';
import { isAlive } from '../../../host/process-identity.js';
import { readLeases, readTickets, type LeaseRecord } from '../directory/records.js';
import type { Gpu, Lease } from '../policy/state.js';

export interface Readings {
  gpus: Gpu[];
  /** Fresh enough to give a GPU out by; else it serves only to tell when those that are held should be free. */
  fresh: boolean;
  warnings: string[];
}

/** How long a reading serves every executor of the host: a little less than from one tick to the next. */
const FRESH_MS = 900;
/** How long it serves while every GPU that is waited for is held. */
const HELD_MS = 60_000;

/** A broken nvidia-smi fails nobody who waits: nothing with a GPU is granted until it answers again. */
export async function readIfWanted(directory: LockDirectory, notBeforeMs: number): Promise<Readings> {
  const wanting = readTickets(directory).records.filter(({ needs }) => needs.gpus > 0);
  if (wanting.length === 0) return { gpus: [], fresh: true, warnings: [] };
  const leases = readLeases(directory).records;
  const living = leases.filter(({ executor }) => isAlive(executor));
  const held = exclusivelyHeld(living);
  const fresh = notBeforeMs > 0 || wanting.some(({ limits }) => limits.gpus.some((uuid) => !held.has(uuid)));
  // What a dead executor held may be free any moment: a reading from before says it is not.
  const dying = leases.some(({ gpus, id }) => gpus.length > 0 && !living.some((lease) => lease.id === id));
  const wanted = {
    maxAgeMs: fresh ? FRESH_MS : HELD_MS,
    limitMs: Math.max(...wanting.map(({ limits }) => limits.nvidiaSmiMs ?? DEFAULT_LIMIT_MS)),
    notBeforeMs: dying ? monotonicMs() : notBeforeMs,
    gpuLocks: wanting[0]?.limits.gpuLocks,
  };
  return { ...(await readAll(directory, wanted, leases)), fresh: fresh || dying };
}

/** Every GPU of the host and what is wrong with them; none while nvidia-smi fails. */
export async function readAll(
  directory: LockDirectory,
  wanted: GpusWanted = { maxAgeMs: FRESH_MS },
  leases?: readonly LeaseRecord[],
): Promise<Omit<Readings, 'fresh'>> {
  try {
    const { gpus, notes } = await readGpus(directory, leases ?? readLeases(directory).records, wanted);
    return { gpus, warnings: notes };
  } catch (error) {
    return { gpus: [], warnings: [`no GPU is granted meanwhile: ${messageOf(error)}`] };
  }
}

/** The GPUs that a pass may look at: of an old reading only those that are still held. */
export function grantable({ gpus, fresh }: Readings, leases: readonly Lease[]): Gpu[] {
  if (fresh) return gpus;
  const held = exclusivelyHeld(leases);
  return gpus.filter(({ uuid }) => held.has(uuid));
}

function exclusivelyHeld(leases: readonly Pick<Lease, 'gpus' | 'sharing'>[]): ReadonlySet<string> {
  return new Set(leases.filter(({ sharing }) => sharing === 'exclusive').flatMap(({ gpus }) => gpus));
}
