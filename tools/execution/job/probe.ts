// The probe of a pool: what a job on one of its nodes finds there. Its class of device enters fingerprints.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { messageOf } from '../../base/message.js';
import { tryHardLink } from '../../host/hard-links.js';
import { runNvidiaSmi } from '../../host/nvidia-smi.js';
import { slurmJob } from '../../host/slurm.js';
import { loadSiteSettings } from '../../suite/settings/settings.js';
import type { Probe } from '../engine/slurm/pools.js';
import { openLockDirectory } from '../lease/directory/lock-directory.js';
import { lockSeen, type HeldLock } from '../store/seen-lock.js';
import { stagingProblem } from '../store/staged-copies.js';
import { deviceClass, readPool } from '../lease/gpus/pool.js';

export interface ProbeWork {
  workspaceRoot: string;
  /** What the head holds in the weights store while the probe runs. */
  lock: HeldLock;
}

export async function probeNode({ workspaceRoot, lock }: ProbeWork): Promise<Probe> {
  const settings = loadSiteSettings(workspaceRoot);
  const gpus = await readPool(settings, openLockDirectory(settings.lockDirectory));
  const query = ['--query-gpu=driver_version', '--format=csv,noheader'];
  const driver = await runNvidiaSmi(query, settings.nvidiaSmiSeconds * 1_000);
  return {
    node: slurmJob()?.node ?? '',
    at: new Date().toISOString(),
    deviceClass: deviceClass(gpus),
    gpus,
    driver: driver?.stdout.trim().split('\n')[0] ?? '',
    torch: torchOf(workspaceRoot, gpus.length > 0),
    hardLinks: [join(workspaceRoot, 'output'), settings.storageRoot].every(givesLinks),
    lock: lockSeen(lock),
    staging: stagingProblem(settings),
  };
}

const TORCH =
  'import torch; d = "cuda" if torch.cuda.is_available() else "cpu"; x = torch.ones(64, 64, device=d); ' +
  'print(torch.__version__, d, torch.cuda.device_count(), float((x @ x).sum()))';

/** Whether torch computes there, on the GPU if there is one. */
function torchOf(workspaceRoot: string, onGpu: boolean): Probe['torch'] {
  try {
    const python = join(workspaceRoot, '.venv', 'bin', 'python');
    const options = { encoding: 'utf8', timeout: 300_000, stdio: 'pipe' } as const;
    const says = execFileSync(python, ['-c', TORCH], options).trim();
    return { ok: !onGpu || says.includes(' cuda '), says };
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    return { ok: false, says: stderr?.trim().split('\n').at(-1) ?? messageOf(error) };
  }
}

/** Locks of the weights store are hard links, and what results have in common is linked. */
function givesLinks(directory: string): boolean {
  try {
    tryHardLink(directory);
    return true;
  } catch {
    return false;
  }
}
