// Executor `report`: the HTML report of a suite, with the verdict it rests on, from whatever its output tree holds.
import type { ExecutorContext } from '@nx/devkit';
import { judgeSuite, reportSuite } from '../results/judge.js';
import { messageOf } from '../base/message.js';

export default async function report(
  options: { suite: string },
  context: ExecutorContext,
): Promise<{ success: boolean }> {
  try {
    const judged = await judgeSuite(context.root, options.suite);
    for (const line of judged.lines) console.log(line);
    console.log(await reportSuite(context.root, judged));
    return { success: true };
  } catch (error) {
    console.error(`report of ${options.suite} failed: ${messageOf(error)}`);
    return { success: false };
  }
}
