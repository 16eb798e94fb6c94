// A lane a GPU, and one for the CPU slots: who uses it, since when, and how much of its memory.
import { holdersOf, type Holder, type LeaseFacts } from './holder.js';
import type { Gpu } from '../../execution/lease/policy/state.js';

export interface Lane {
  /** `GPU 0`. */
  name: string;
  index: number;
  uuid: string;
  /** GiB; null while nvidia-smi does not answer. */
  totalGiB: number | null;
  usedGiB: number | null;
  /** Several only where cells share a GPU. */
  holders: Holder[];
  /** Why a lane without a holder takes no cell; null when it would. */
  closed: string | null;
}

export interface CpuLanes {
  slots: number;
  free: number;
  /** Cells without a GPU. */
  holders: Holder[];
}

/** The GPUs of the site's pool, and those outside it that some lease holds. */
export function gpuLanes(of: {
  leases: readonly LeaseFacts[];
  gpus: readonly Gpu[];
  pool: readonly Pick<Gpu, 'uuid' | 'index'>[];
  minFreeGiB: number;
  requireIdle: boolean;
}): Lane[] {
  const { leases, gpus } = of;
  const known = new Map(of.pool.map(({ uuid, index }) => [uuid, index]));
  for (const { lease } of leases) {
    for (const [at, uuid] of lease.gpus.entries()) known.set(uuid, lease.gpuIndices[at] ?? -1);
  }
  return [...known]
    .map(([uuid, knownIndex]) => {
      const gpu = gpus.find((one) => one.uuid === uuid);
      const index = gpu?.index ?? knownIndex;
      const holders = holdersOf(leases, uuid, gpu?.usedByLease ?? {});
      return {
        name: index < 0 ? `GPU ${uuid}` : `GPU ${index}`,
        index,
        uuid,
        totalGiB: gpu?.totalGiB ?? null,
        usedGiB: gpu === undefined ? null : gpu.totalGiB - gpu.freeGiB,
        holders,
        closed: holders.length > 0 ? null : closedBecause(gpu, of),
      };
    })
    .sort((a, b) => a.index - b.index);
}

function closedBecause(
  gpu: Gpu | undefined,
  { minFreeGiB, requireIdle }: { minFreeGiB: number; requireIdle: boolean },
): string | null {
  if (gpu === undefined) return 'nvidia-smi tells nothing of it';
  if (requireIdle && gpu.busy) return "another program's process is on it (GPU_REQUIRE_IDLE)";
  if (gpu.freeGiB < minFreeGiB)
    return `only ${gpu.freeGiB.toFixed(1)} GiB free, ${minFreeGiB} wanted (GPU_MIN_FREE_GB)`;
  return null;
}

/** Every lease takes slots, also those on GPUs. */
export function cpuLanes(leases: readonly LeaseFacts[], slots: number): CpuLanes {
  const taken = leases.reduce((sum, { lease }) => sum + lease.cpuSlots, 0);
  return {
    slots,
    free: Math.max(0, slots - taken),
    holders: holdersOf(
      leases.filter(({ lease }) => lease.gpus.length === 0),
      null,
      {},
    ),
  };
}
