// The architectures of the GPUs that cells may use: what compiled code is made for, and a part of the device class.
import { loadSiteSettings } from '../../../suite/settings/settings.js';
import { openLockDirectory } from '../directory/lock-directory.js';
import { readPool } from './pool.js';

/** Architectures of the pool's GPUs, each once. @throws Error when nvidia-smi or the settings are broken. */
export async function poolArchitectures(workspaceRoot: string): Promise<string[]> {
  const settings = loadSiteSettings(workspaceRoot);
  return architecturesOf(await readPool(settings, openLockDirectory(settings.lockDirectory)));
}

/** Each once, in order. */
export function architecturesOf(pool: readonly { architecture: string }[]): string[] {
  return [...new Set(pool.map(({ architecture }) => architecture))].sort();
}
