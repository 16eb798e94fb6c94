// Executor `plan`: what a run of a suite would do, before anything runs.
import type { ExecutorContext } from '@nx/devkit';
import { planReport } from '../forecast/report.js';
import { planText } from '../forecast/text.js';
import { outcomeOf, type Outcome } from './outcome.js';

export default function plan(
  options: { suite: string; json?: boolean; verbose?: boolean },
  context: ExecutorContext,
): Promise<Outcome> {
  return outcomeOf(`plan of ${options.suite} failed`, async () => {
    const report = await planReport(context.root, options.suite);
    const verbose = options.verbose === true || context.isVerbose;
    console.log(options.json === true ? JSON.stringify(report) : planText(report, verbose).join('\n'));
  });
}
