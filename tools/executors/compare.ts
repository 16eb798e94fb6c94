// Executor `compare`: what changed since another run of the suite, and whether it is more than noise.
import { say } from '../base/text/say.js';
import { resolve } from 'node:path';
import type { ExecutorContext } from '@nx/devkit';
import { repairLinks } from '../execution/store/link.js';
import { compareWith } from '../results/comparison/compare-runs.js';
import { judgeSuite } from '../results/judge.js';
import { outcomeOf, type Outcome } from './outcome.js';

export default function compare(
  options: { suite: string; with: string },
  context: ExecutorContext,
): Promise<Outcome> {
  return outcomeOf(`comparison of ${options.suite} failed`, async () => {
    repairLinks(context.root, options.suite);
    await judgeSuite(context.root, options.suite);
    for (const line of compareWith(context.root, options.suite, resolve(context.root, options.with)))
      say(line);
  });
}
