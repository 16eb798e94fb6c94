// Executor `plan`: what a run of a suite would do, before anything runs.
import type { ExecutorContext } from '@nx/devkit';
import { messageOf } from '../base/message.js';
import { planReport } from '../forecast/report.js';
import { planText } from '../forecast/text.js';

export default async function plan(
  options: { suite: string; json?: boolean; verbose?: boolean },
  context: ExecutorContext,
): Promise<{ success: boolean }> {
  try {
    const report = await planReport(context.root, options.suite);
    const verbose = options.verbose === true || context.isVerbose;
    console.log(options.json === true ? JSON.stringify(report) : planText(report, verbose).join('\n'));
    return { success: true };
  } catch (error) {
    console.error(`plan of ${options.suite} failed: ${messageOf(error)}`);
    return { success: false };
  }
}
