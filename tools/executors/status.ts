// Executor `status`: how a suite stands, once or every two seconds.
import type { ExecutorContext } from '@nx/devkit';
import { messageOf } from '../base/message.js';
import { showStatus, watchStatus } from '../status/show-status.js';

export default async function status(
  options: { suite: string; watch?: boolean; json?: boolean },
  context: ExecutorContext,
): Promise<{ success: boolean }> {
  const asked = { workspaceRoot: context.root, suite: options.suite, json: options.json ?? false };
  try {
    await (options.watch === true ? watchStatus(asked) : showStatus(asked));
    return { success: true };
  } catch (error) {
    console.error(`status of ${options.suite} failed: ${messageOf(error)}`);
    return { success: false };
  }
}
