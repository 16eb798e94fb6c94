// Before a run asks for results by their hashes: which flash attention its cells would run with is a part of those, so
// where that is open the Python environment is made first. Hosts without a GPU, and those that know, pay nothing.
import { architecturesOf } from '../../execution/lease/gpus/architectures.js';
import { poolOfEngine } from '../../execution/records/identity.js';
import type { Log } from '../../base/text/live-lines.js';
import { findNvidiaSmi } from '../../host/nvidia-smi.js';
import { ensureEnvironment, environmentFailure, isFlashOpen } from '../../python-env/environment.js';
import type { SiteSettings } from '../../suite/settings/settings.js';

/** @returns why the run cannot begin; undefined: it can. */
export async function settleFlash(
  workspaceRoot: string,
  settings: SiteSettings,
  log: Log,
): Promise<string | undefined> {
  // The GPUs of other hosts install nothing here.
  if (settings.engine !== 'local' || findNvidiaSmi() === undefined) return undefined;
  let architectures: string[];
  try {
    architectures = architecturesOf(await poolOfEngine(workspaceRoot, settings));
  } catch {
    // The cells wait for an nvidia-smi that fails, and say so.
    return undefined;
  }
  if (!(await isFlashOpen(workspaceRoot, architectures))) return undefined;
  try {
    const poolArchitectures = (): Promise<string[]> => Promise.resolve(architectures);
    await ensureEnvironment({ workspaceRoot, force: false, log, poolArchitectures });
    return undefined;
  } catch (error) {
    return environmentFailure(error);
  }
}
