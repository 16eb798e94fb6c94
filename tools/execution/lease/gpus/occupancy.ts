// Every GPU of the host with its live state, for a grant: free memory, who computes there, and what is not known of it.
import type { GpuProcess, GpuReading } from '../../../host/gpu-answer.js';
import { DEFAULT_GPU_LOCKS, gpuHolder } from '../../../host/gpu-lock.js';
import { groupOf } from '../../../host/process-identity.js';
import { isSharedIn, type LockDirectory } from '../directory/lock-directory.js';
import { readGpuLocks } from '../directory/gpu-locks.js';
import type { LeaseRecord } from '../directory/records.js';
import type { Gpu } from '../policy/state.js';
import { askGpus, askProcesses } from './ask.js';
import { inHostMemory, notesOf } from './pool.js';
import type { Wanted } from './reading-cache.js';

export interface GpusWanted extends Wanted {
  /** Where all users of the host lock GPUs. */
  gpuLocks?: string | undefined;
}

type LeaseOnGpus = Pick<LeaseRecord, 'id' | 'gpus' | 'worker'>;

/**
 * Every GPU that can be used; each ticket names those it may use.
 *
 * @throws NvidiaSmiFailure when nvidia-smi does not answer.
 */
export async function readGpus(
  directory: LockDirectory,
  leases: readonly LeaseOnGpus[],
  { gpuLocks, ...wanted }: GpusWanted,
): Promise<{ gpus: Gpu[]; notes: string[] }> {
  const [found, computing] = await Promise.all([askGpus(directory, wanted), askProcesses(directory, wanted)]);
  if (found === undefined) return { gpus: [], notes: [] };
  const { processes, unknown, notes } = computing ?? { processes: [], unknown: true, notes: [] };
  const of = { processes: processes.map((one) => ({ ...one, lease: leaseOf(one, leases) })), unknown };
  const own = [
    ...leases,
    ...readGpuLocks(directory).flatMap(({ holders }) => holders.map(({ lease: id }) => ({ id }))),
  ];
  const isShared = isSharedIn(directory);
  const isOwn = (note: string): boolean => isShared(note) || own.some(({ id }) => note.includes(` ${id} `));
  const elsewhere = heldElsewhere(found.gpus, isOwn, gpuLocks);
  const gpus = found.gpus.filter(({ uuid }) => !elsewhere.has(uuid)).map(inHostMemory);
  return {
    gpus: gpus.map((gpu) => liveState(gpu, of)),
    notes: [
      ...notesOf(found),
      ...notes,
      ...gpus.flatMap((gpu) => unseen(gpu, of, leases)),
      ...elsewhere.values(),
    ],
  };
}

/** GPUs that another lock directory has: of another user, or of another temporary directory. By UUID, who has it. */
function heldElsewhere(
  gpus: readonly GpuReading[],
  isOwn: (note: string) => boolean,
  gpuLocks = DEFAULT_GPU_LOCKS,
): Map<string, string> {
  return new Map(
    gpus.flatMap(({ uuid }): [string, string][] => {
      const holder = gpuHolder(gpuLocks, uuid, isOwn);
      return holder === undefined ? [] : [[uuid, holder]];
    }),
  );
}

interface Computing {
  processes: readonly (GpuProcess & { lease: string | undefined })[];
  unknown: boolean;
}

function liveState({ uuid, index, totalGiB, freeGiB }: GpuReading, { processes, unknown }: Computing): Gpu {
  const own = processes.filter((one) => one.uuid === uuid);
  const usedByLease: Record<string, number> = {};
  for (const { lease, usedGiB } of own) {
    if (lease !== undefined) usedByLease[lease] = (usedByLease[lease] ?? 0) + (usedGiB ?? 0);
  }
  const busy = unknown || own.some(({ lease }) => lease === undefined);
  return { uuid, index, totalGiB, freeGiB, busy, usedByLease };
}

/** What drivers keep for themselves; more is somebody's. */
const DRIVERS_GIB = 2;
const DRIVERS_SHARE = 0.03;

/** Memory is taken, and nobody is shown who took it: free memory then decides alone, and that is told. */
function unseen(
  { uuid, index, totalGiB, freeGiB, unified }: GpuReading,
  { processes, unknown }: Computing,
  leases: readonly LeaseOnGpus[],
): string[] {
  if (unified === true || unknown || totalGiB - freeGiB <= Math.max(DRIVERS_GIB, totalGiB * DRIVERS_SHARE))
    return [];
  if (processes.some((one) => one.uuid === uuid) || leases.some(({ gpus }) => gpus.includes(uuid))) return [];
  return [
    `GPU ${index}: some of its memory is taken, and nvidia-smi shows no process that computes there (a display, another container, WSL); only its free memory decides whether it gets a cell`,
  ];
}

/** The lease whose worker's process group the process belongs to. */
function leaseOf({ uuid, pid }: GpuProcess, leases: readonly LeaseOnGpus[]): string | undefined {
  const group = pid === undefined ? undefined : groupOf(pid);
  if (group === undefined) return undefined;
  return leases.find(({ gpus, worker }) => gpus.includes(uuid) && worker?.pid === group)?.id;
}
