// Executor `verdict`: analysis and verdict of a suite from its output tree, whole or not.
import type { ExecutorContext } from '@nx/devkit';
import { judgeSuite, reportSuite } from '../results/judge.js';
import { messageOf } from '../base/message.js';

export default async function verdict(
  options: { suite: string },
  context: ExecutorContext,
): Promise<{ success: boolean }> {
  try {
    const judged = await judgeSuite(context.root, options.suite);
    for (const line of judged.lines) console.log(line);
    console.log(await reportSuite(context.root, judged));
    return { success: true };
  } catch (error) {
    console.error(`verdict of ${options.suite} failed: ${messageOf(error)}`);
    return { success: false };
  }
}
