// Executor `python-env`: the Python environment now, for commands that ask Python, and for whoever installs before a run.
import { complain, say } from '../base/text/say.js';
import type { ExecutorContext } from '@nx/devkit';
import { ensureEnvironment, environmentFailure } from '../python-env/environment.js';
import { tellInstalling } from '../python-env/tell-installing.js';

export default async function pythonEnv(
  options: { force?: boolean },
  context: ExecutorContext,
): Promise<{ success: boolean }> {
  try {
    await ensureEnvironment({
      workspaceRoot: context.root,
      force: options.force ?? false,
      log: tellInstalling(say),
      poolArchitectures: async () => {
        // Only hosts with a GPU driver load what reads the pool.
        const { poolArchitectures } = await import('../execution/lease/gpus/architectures.js');
        return poolArchitectures(context.root);
      },
    });
    return { success: true };
  } catch (error) {
    complain(environmentFailure(error));
    return { success: false };
  }
}
