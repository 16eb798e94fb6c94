// The GPUs that the suites may use, and their live state: nvidia-smi's, read once for all executors of the host.
import type { SiteSettings } from '../../../suite/settings/settings.js';
import type { LockDirectory } from '../directory/lock-directory.js';
import {
  GPU_QUERY,
  parseGpus,
  parseProcesses,
  PROCESS_QUERY,
  runNvidiaSmi,
  type GpuProcess,
  type GpuReading,
} from '../../../host/nvidia-smi.js';
import { groupOf } from '../../../host/process-identity.js';
import { readShared, type Wanted } from './reading-cache.js';
import type { LeaseRecord } from '../directory/records.js';
import type { Gpu } from '../policy/state.js';

/** Which GPUs of the host are this site's. */
export type PoolSettings = Pick<SiteSettings, 'visibleDevices' | 'gpuIdList' | 'numGpus'>;

/** How long the list of GPUs serves every executor of the host. */
const POOL_AGE_MS = 1_000;

/**
 * The GPUs of the pool: what nvidia-smi lists, restricted by CUDA_VISIBLE_DEVICES and GPU_ID_LIST (indices in PCI bus
 * order, or UUIDs) and clamped by NUM_GPUS; empty when the site runs on the CPU. A restricted environment (Slurm,
 * containers) is never left.
 *
 * @throws Error when nvidia-smi fails, a named GPU does not exist, or `accelerator: cuda` finds none.
 */
export async function readPool(
  settings: PoolSettings & Pick<SiteSettings, 'accelerator'>,
  directory: LockDirectory,
): Promise<GpuReading[]> {
  if (settings.accelerator === 'cpu') return [];
  const csv = await ask(directory, 'gpus', GPU_QUERY, { maxAgeMs: POOL_AGE_MS });
  const { gpus, broken } = parseGpus(csv ?? '');
  if (gpus.length === 0 && broken.length > 0) {
    throw new Error(`nvidia-smi reports GPUs without usable figures: "${broken.join('", "')}"`);
  }
  const pool = restrict(gpus, settings);
  if (pool.length === 0 && settings.accelerator === 'cuda') {
    throw new Error(
      'accelerator: cuda (workspace-config/site.yaml), but no GPU is visible. Check nvidia-smi and CUDA_VISIBLE_DEVICES.',
    );
  }
  return pool;
}

/**
 * Every GPU of the host with its live state, for a grant: each ticket names those it may use.
 *
 * @throws Error when nvidia-smi fails or hangs.
 */
export async function readGpus(
  directory: LockDirectory,
  leases: readonly LeaseRecord[],
  wanted: Wanted,
): Promise<{ gpus: Gpu[]; broken: string[] }> {
  const [csv, processCsv] = await Promise.all([
    ask(directory, 'gpus', GPU_QUERY, wanted),
    ask(directory, 'processes', PROCESS_QUERY, wanted),
  ]);
  const { gpus, broken } = parseGpus(csv ?? '');
  const processes = parseProcesses(processCsv ?? '').map((one) => ({ ...one, lease: leaseOf(one, leases) }));
  return {
    broken,
    gpus: gpus.map(({ uuid, index, totalGiB, freeGiB }) => {
      const own = processes.filter((one) => one.uuid === uuid);
      const usedByLease: Record<string, number> = {};
      for (const { lease, usedGiB } of own) {
        if (lease !== undefined) usedByLease[lease] = (usedByLease[lease] ?? 0) + (usedGiB ?? 0);
      }
      const busy = own.some(({ lease }) => lease === undefined);
      return { uuid, index, totalGiB, freeGiB, busy, usedByLease };
    }),
  };
}

/** The lease whose worker's process group the process belongs to. */
function leaseOf({ uuid, pid }: GpuProcess, leases: readonly LeaseRecord[]): string | undefined {
  const group = groupOf(pid);
  if (group === undefined) return undefined;
  return leases.find(({ gpus, worker }) => gpus.includes(uuid) && worker?.pid === group)?.id;
}

function ask(
  directory: LockDirectory,
  name: string,
  query: readonly string[],
  wanted: Wanted,
): Promise<string | undefined> {
  return readShared(directory.readings, name, wanted, () => runNvidiaSmi(query));
}

/** Class of device the results come from: `cpu`, `cuda-sm90`, or several architectures joined by `+`. */
export function deviceClass(pool: readonly GpuReading[]): string {
  if (pool.length === 0) return 'cpu';
  return `cuda-${[...new Set(pool.map((gpu) => gpu.architecture))].sort().join('+')}`;
}

/** GPU_ID_LIST chooses among what CUDA_VISIBLE_DEVICES leaves, NUM_GPUS takes the first of them. */
export function restrict(gpus: readonly GpuReading[], settings: PoolSettings): GpuReading[] {
  const { visibleDevices, gpuIdList, numGpus } = settings;
  const within =
    visibleDevices === null
      ? [...gpus]
      : pick(gpus, visibleDevices, 'CUDA_VISIBLE_DEVICES', 'nvidia-smi lists');
  const source = visibleDevices === null ? 'nvidia-smi lists' : 'CUDA_VISIBLE_DEVICES leaves';
  const chosen = gpuIdList === null ? within : pick(within, gpuIdList, 'GPU_ID_LIST', source);
  return numGpus === null ? chosen : chosen.slice(0, numGpus);
}

function pick(
  gpus: readonly GpuReading[],
  names: readonly string[],
  variable: string,
  source: string,
): GpuReading[] {
  const chosen: GpuReading[] = [];
  for (const name of names) {
    // CUDA's own rule: an empty or -1 entry ends the list.
    if (name === '' || name === '-1') break;
    const gpu = gpus.find(
      ({ index, uuid }) =>
        name === String(index) || uuid === name || (name.length > 4 && uuid.startsWith(name)),
    );
    if (gpu === undefined) {
      const known = gpus.map(({ index, uuid }) => `${index} (${uuid})`).join(', ') || 'none';
      throw new Error(`environment variable ${variable}: no GPU "${name}"; ${source} ${known}`);
    }
    if (!chosen.includes(gpu)) chosen.push(gpu);
  }
  return chosen;
}
