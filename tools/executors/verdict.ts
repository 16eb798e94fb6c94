// Executor `verdict`: analysis and verdict of a suite from its output tree, whole or not.
import type { ExecutorContext } from '@nx/devkit';
import { judgeSuite } from '../results/judge.js';
import { messageOf } from '../base/message.js';

export default async function verdict(
  options: { suite: string },
  context: ExecutorContext,
): Promise<{ success: boolean }> {
  try {
    const { lines } = await judgeSuite(context.root, options.suite);
    for (const line of lines) console.log(line);
    return { success: true };
  } catch (error) {
    console.error(`verdict of ${options.suite} failed: ${messageOf(error)}`);
    return { success: false };
  }
}
