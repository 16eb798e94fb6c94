// Prints what every cell's Nx hash takes from this machine (a `runtime` input): device class and pinned versions.
// Nx asks anew for each wave of tasks; within one nx run the first answer stands, which the shell finds (machine-input.ts).
import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { MachineIdentity } from '../execution/records/identity.js';
import type { SiteSettings } from '../suite/settings/settings.js';
import { ANSWERS, answerName } from '../suite/nx/machine-input.js';

const root = process.cwd();
const [suite] = process.argv.slice(2);

try {
  // Only here: the imports take most of the time.
  const { readMachineIdentity } = await import('../execution/records/identity.js');
  const { requireRecorded } = await import('../suite/nx/record.js');
  const { loadSiteSettings } = await import('../suite/settings/settings.js');
  if (suite !== undefined) requireRecorded(root, suite, process.env);
  const { NvidiaSmiFailure } = await import('../host/nvidia-smi.js');
  // The cells wait for an nvidia-smi that fails, and say so; Nx would show nobody's words here.
  const settings = loadSiteSettings(root);
  const machine = await readMachineIdentity(root, settings).catch((error: unknown) => {
    if (error instanceof NvidiaSmiFailure) return undefined;
    throw error;
  });
  const text = `${JSON.stringify(machine === undefined ? { unsure: randomUUID() } : await inputsOf(machine, settings))}\n`;
  process.stdout.write(text);
  if (suite !== undefined) await remember(suite, text);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

async function inputsOf(
  { versions, deviceClass, pool }: MachineIdentity,
  { engine }: SiteSettings,
): Promise<Record<string, string>> {
  // The GPUs of other hosts install nothing here.
  const unsure = engine === 'local' && (await flashMayChange(pool)) ? { unsure: randomUUID() } : {};
  return { deviceClass, ...versions, ...unsure };
}

/** A run settles it before it asks (plugin.ts); whoever asks otherwise gets no hash that says it is known. */
async function flashMayChange(pool: readonly { architecture: string }[]): Promise<boolean> {
  const { isFlashOpen } = await import('../python-env/environment.js');
  const { architecturesOf } = await import('../execution/lease/gpus/architectures.js');
  return isFlashOpen(root, architecturesOf(pool));
}

async function remember(of: string, text: string): Promise<void> {
  try {
    const { commandOf, identityOf, parentOf } = await import('../host/process-identity.js');
    const { writeWhole } = await import('../base/files.js');
    // The nx run that asks: Nx asks by way of a shell.
    let run: number | undefined = process.ppid;
    while (run !== undefined && /^(ba|da)?sh$/.test(commandOf(run) ?? '')) run = parentOf(run);
    if (run === undefined || commandOf(run) === undefined) return;
    const directory = join(root, ANSWERS);
    mkdirSync(directory, { recursive: true });
    for (const name of readdirSync(directory)) {
      if (identityOf(Number.parseInt(name, 10)) === undefined) rmSync(join(directory, name), { force: true });
    }
    writeWhole(join(directory, answerName(run, of)), text);
  } catch {
    // A workspace that cannot be written: the next wave asks again.
  }
}
