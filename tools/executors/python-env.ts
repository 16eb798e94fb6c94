// Executor `python-env`: .venv as the hashed lock file says, and flash attention on GPUs, before anything needs it.
import { complain, say } from '../base/text/say.js';
import type { ExecutorContext } from '@nx/devkit';
import { ensurePythonEnvironment } from '../python-env/ensure.js';
import { ensureFlashAttention } from '../python-env/flash-attn.js';
import { ensureOverlays, wantedOverlays } from '../python-env/overlays.js';
import { messageOf } from '../base/message.js';

export default async function pythonEnv(
  options: { force?: boolean },
  context: ExecutorContext,
): Promise<{ success: boolean }> {
  const log = (line: string): void => {
    say(`python-env: ${line}`);
  };
  try {
    const how = { workspaceRoot: context.root, force: options.force ?? false, log };
    const state = await ensurePythonEnvironment(how);
    await ensureOverlays(context.root, wantedOverlays(context.root), log);
    await ensureFlashAttention({
      ...how,
      poolArchitectures: async () => {
        // Only hosts with a GPU driver load what reads the pool.
        const { poolArchitectures } = await import('../execution/lease/gpus/architectures.js');
        return poolArchitectures(context.root);
      },
    });
    if (state === 'installed') log('.venv is ready');
    return { success: true };
  } catch (error) {
    complain(`python-env failed: ${messageOf(error)}`);
    const { hint } = error as { hint?: string };
    if (hint !== undefined && hint !== '') complain(hint);
    return { success: false };
  }
}
