// What every cell's Nx hash takes from this machine: device class and pinned versions. Asked once an nx run, by the run itself
// before it hashes (plugin.ts) or by bin/hash-inputs.ts; later waves of tasks find the answer where it is kept.
import { randomUUID } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeWhole } from '../../base/files.js';
import { NvidiaSmiFailure } from '../../host/nvidia-smi.js';
import { identityOf } from '../../host/process-identity.js';
import { isFlashOpen } from '../../python-env/environment.js';
import { ANSWERS, answerName } from '../../suite/nx/machine-input.js';
import type { SiteSettings } from '../../suite/settings/settings.js';
import { architecturesOf } from '../lease/gpus/architectures.js';
import { readMachineIdentity, type MachineIdentity } from './identity.js';

/** One line. Where it is not sure, it differs each time. @throws Fault for a pool or a lock file that cannot be read. */
export async function machineAnswer(workspaceRoot: string, settings: SiteSettings): Promise<string> {
  // The cells wait for an nvidia-smi that fails, and say so; Nx would show nobody's words here.
  const machine = await readMachineIdentity(workspaceRoot, settings).catch((error: unknown) => {
    if (error instanceof NvidiaSmiFailure) return undefined;
    throw error;
  });
  const inputs =
    machine === undefined ? { unsure: randomUUID() } : await inputsOf(workspaceRoot, machine, settings);
  return `${JSON.stringify(inputs)}\n`;
}

async function inputsOf(
  workspaceRoot: string,
  { versions, deviceClass, pool }: MachineIdentity,
  { engine }: SiteSettings,
): Promise<Record<string, string>> {
  // A run settles flash attention before it asks; whoever asks otherwise gets no hash that says it is known. The GPUs of
  // other hosts install nothing here.
  const isOpen = engine === 'local' && (await isFlashOpen(workspaceRoot, architecturesOf(pool)));
  return { deviceClass, ...versions, ...(isOpen ? { unsure: randomUUID() } : {}) };
}

/** For later waves of a run of nx; answers to runs that are over go. In a workspace that cannot be written, each wave asks. */
export function keepAnswer(workspaceRoot: string, nxPid: number, suite: string, text: string): void {
  try {
    const directory = join(workspaceRoot, ANSWERS);
    writeWhole(join(directory, answerName(nxPid, suite)), text);
    for (const name of readdirSync(directory)) {
      if (identityOf(Number.parseInt(name, 10)) === undefined) rmSync(join(directory, name), { force: true });
    }
  } catch {
    // Asked again.
  }
}
