// The GPUs that the suites may use: what nvidia-smi lists, read once for all executors of the host, and restricted.
import type { GpuReading, GpuReadings } from '../../../host/gpu-answer.js';
import { freeRamGiB, ramLimitGiB } from '../../../host/host.js';
import { smiFailure } from '../../../host/nvidia-smi.js';
import type { SiteSettings } from '../../../suite/settings/settings.js';
import type { LockDirectory } from '../directory/lock-directory.js';
import { askGpus } from './ask.js';
import { restrict, type PoolSettings } from './restrict.js';

/** How long the list of GPUs serves every executor of the host. */
const POOL_AGE_MS = 1_000;

type Settings = PoolSettings & Pick<SiteSettings, 'accelerator' | 'nvidiaSmiSeconds'>;

/**
 * The GPUs of the pool: what nvidia-smi lists, restricted by CUDA_VISIBLE_DEVICES and GPU_ID_LIST (indices in PCI bus
 * order, or UUIDs) and clamped by NUM_GPUS; empty when the site runs on the CPU. A restricted environment (Slurm,
 * containers) is never left.
 *
 * @throws NvidiaSmiFailure when nvidia-smi does not answer: ask again.
 * @throws Error when a named GPU does not exist, all have MIG on, or `accelerator: cuda` finds none.
 */
export async function readPool(settings: Settings, directory: LockDirectory): Promise<GpuReading[]> {
  return (await readPoolWithNotes(settings, directory)).pool;
}

/** The same, with what nvidia-smi has to say of GPUs that are ill. */
export async function readPoolWithNotes(
  settings: Settings,
  directory: LockDirectory,
): Promise<{ pool: GpuReading[]; notes: string[] }> {
  if (settings.accelerator === 'cpu') return { pool: [], notes: [] };
  const limitMs = settings.nvidiaSmiSeconds * 1_000;
  const found = await askGpus(directory, { maxAgeMs: POOL_AGE_MS, limitMs });
  const pool = poolOf(found ?? { gpus: [], lost: [], notes: [] }, settings);
  return { pool, notes: found === undefined ? [] : notesOf(found) };
}

/** @throws as `readPool` does. */
export function poolOf({ gpus, lost }: GpuReadings, settings: Settings): GpuReading[] {
  const pool = restrict(gpus.map(inHostMemory), settings, lost);
  const wantsNone = settings.numGpus === 0 || isEmptyList(settings);
  if (pool.length === 0 && lost.length > 0 && !wantsNone) {
    const slices = lost.filter(({ why }) => why === 'mig');
    const told = (slices.length > 0 ? slices : lost).map(({ message }) => message).join('; ');
    throw slices.length > 0
      ? new Error(`${told} Or set accelerator: cpu in workspace-config/site.yaml.`)
      : smiFailure(told);
  }
  if (pool.length === 0 && settings.accelerator === 'cuda') {
    throw new Error(
      'accelerator: cuda (workspace-config/site.yaml), but no GPU is visible. Check nvidia-smi and CUDA_VISIBLE_DEVICES.',
    );
  }
  return pool;
}

/** The environment itself asks for no GPU. */
function isEmptyList(settings: Settings): boolean {
  try {
    return restrict([], settings).length === 0 && (settings.visibleDevices ?? settings.gpuIdList) !== null;
  } catch {
    // It names one.
    return false;
  }
}

/** Sentences on GPUs that get no cell, and what else nvidia-smi said. */
export function notesOf({ lost, notes }: GpuReadings): string[] {
  return [...lost.map(({ message }) => message), ...notes];
}

/** A GPU that computes in the host's memory has what this process may take of it. */
export function inHostMemory(gpu: GpuReading): GpuReading {
  if (gpu.unified !== true) return gpu;
  const totalGiB = ramLimitGiB();
  return { ...gpu, totalGiB, freeGiB: Math.min(totalGiB, freeRamGiB()) };
}

/** Class of device the results come from: `cpu`, `cuda-sm90`, or several architectures joined by `+`. */
export function deviceClass(pool: readonly GpuReading[]): string {
  if (pool.length === 0) return 'cpu';
  return `cuda-${[...new Set(pool.map((gpu) => gpu.architecture))].sort().join('+')}`;
}
