// The resources of this host that the suites may use: a set of GPUs, and CPU slots.
import type { SiteSettings } from '../suite/settings.js';
import { readCached } from './reading-cache.js';
import {
  GPU_QUERY,
  parseBusyGpus,
  parseGpus,
  PROCESS_QUERY,
  runNvidiaSmi,
  type GpuReading,
} from './nvidia-smi.js';
import type { Gpu } from './grant.js';

/** How long one reading of nvidia-smi serves every executor of the host. */
const READING_AGE_MS = 1_000;

/**
 * The GPUs of the pool: what nvidia-smi lists, restricted by CUDA_VISIBLE_DEVICES (indices or UUIDs) and clamped by
 * NUM_GPUS; empty when the site runs on the CPU. A restricted environment (Slurm, containers) is never left.
 *
 * @throws Error when nvidia-smi fails, a named GPU does not exist, or `accelerator: cuda` finds none.
 */
export async function readPool(settings: SiteSettings, cacheDirectory: string): Promise<GpuReading[]> {
  if (settings.accelerator === 'cpu') return [];
  const csv = await readCached(cacheDirectory, 'gpus.csv', READING_AGE_MS, () => runNvidiaSmi(GPU_QUERY));
  const pool = restrict(csv === undefined ? [] : parseGpus(csv), process.env);
  if (pool.length === 0 && settings.accelerator === 'cuda') {
    throw new Error(
      'accelerator: cuda (workspace-config/site.yaml), but no GPU is visible. Check nvidia-smi and CUDA_VISIBLE_DEVICES.',
    );
  }
  return pool;
}

/** Every GPU of the host with its live state, for a grant: each ticket names those it may use. */
export async function readGpus(cacheDirectory: string): Promise<Gpu[]> {
  const [gpus, processes] = await Promise.all([
    readCached(cacheDirectory, 'gpus.csv', READING_AGE_MS, () => runNvidiaSmi(GPU_QUERY)),
    readCached(cacheDirectory, 'processes.csv', READING_AGE_MS, () => runNvidiaSmi(PROCESS_QUERY)),
  ]);
  const busy = parseBusyGpus(processes ?? '');
  return parseGpus(gpus ?? '').map(({ uuid, index, freeGiB }) => ({
    uuid,
    index,
    freeGiB,
    busy: busy.has(uuid),
  }));
}

/** Class of device the results come from: `cpu`, `cuda-sm90`, or several architectures joined by `+`. */
export function deviceClass(pool: readonly GpuReading[]): string {
  if (pool.length === 0) return 'cpu';
  return `cuda-${[...new Set(pool.map((gpu) => gpu.architecture))].sort().join('+')}`;
}

export function restrict(gpus: readonly GpuReading[], environment: NodeJS.ProcessEnv): GpuReading[] {
  const visible = environment.CUDA_VISIBLE_DEVICES;
  const chosen = visible === undefined ? [...gpus] : pick(gpus, visible);
  const limit = environment.NUM_GPUS;
  if (limit === undefined || limit === '') return chosen;
  if (!/^\d+$/.test(limit))
    throw new Error(`environment variable NUM_GPUS: "${limit}" is not a whole number`);
  return chosen.slice(0, Number(limit));
}

function pick(gpus: readonly GpuReading[], visible: string): GpuReading[] {
  const names = visible.split(',').map((name) => name.trim());
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
      throw new Error(
        `environment variable CUDA_VISIBLE_DEVICES: no GPU "${name}"; nvidia-smi lists ${known}`,
      );
    }
    if (!chosen.includes(gpu)) chosen.push(gpu);
  }
  return chosen;
}
