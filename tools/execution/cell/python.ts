// The Python that a cell runs in, made when the first cell of a run really needs it: what comes from a cache or stands by its
// receipts needs none.
import { ensureForCell } from '../../python-env/environment.js';
import { tellInstalling } from '../../python-env/tell-installing.js';
import { poolArchitectures } from '../lease/gpus/architectures.js';
import type { CellContext } from './context.js';

/**
 * In a job of another host there is what its head installed.
 *
 * @returns whether it was made just now, which may change what the cell is.
 * @throws Fault with what to do when it cannot be made, or was cancelled.
 */
export async function madePython({ workspaceRoot, job, signal, log }: CellContext): Promise<boolean> {
  if (job !== undefined) return false;
  const state = await ensureForCell({
    workspaceRoot,
    signal,
    log: tellInstalling(log),
    poolArchitectures: () => poolArchitectures(workspaceRoot),
  });
  return state === 'installed';
}
