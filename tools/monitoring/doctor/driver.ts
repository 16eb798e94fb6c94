// The NVIDIA driver as nvidia-smi's own heading tells it; the parser is pure. What torch needs of it Python judges.
import { openLockDirectory } from '../../execution/lease/directory/lock-directory.js';
import { runNvidiaSmi } from '../../host/nvidia-smi.js';
import { readPool } from '../../execution/lease/gpus/pool.js';
import type { SiteSettings } from '../../suite/settings/settings.js';

export interface Driver {
  /** `550.54.15`. */
  version: string;
  /** The newest CUDA it was made for, `12.4`; null where nvidia-smi does not tell. */
  cuda: string | null;
}

/** `| NVIDIA-SMI 550.54.15   Driver Version: 550.54.15   CUDA Version: 12.4 |`; undefined when that is not in it. */
export function parseDriver(heading: string): Driver | undefined {
  const version = /Driver Version\s*:\s*(\d+(?:\.\d+)+)/i.exec(heading)?.[1];
  const cuda = /CUDA (?:UMD )?Version\s*:\s*(\d+\.\d+)/i.exec(heading)?.[1];
  return version === undefined ? undefined : { version, cuda: cuda ?? null };
}

/** Undefined where no GPU is used, or nvidia-smi fails: the check of the GPUs then says so. */
export async function readDriver(settings: SiteSettings): Promise<Driver | undefined> {
  try {
    const limitMs = settings.nvidiaSmiSeconds * 1_000;
    const pool = await readPool(settings, openLockDirectory(settings.lockDirectory));
    return pool.length === 0 ? undefined : parseDriver((await runNvidiaSmi([], limitMs))?.stdout ?? '');
  } catch {
    return undefined;
  }
}
