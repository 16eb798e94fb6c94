// Executor `verdict`: analysis, verdict and report of a suite from its output tree, whole or not.
import type { ExecutorContext } from '@nx/devkit';
import { repairLinks } from '../execution/store/link.js';
import { sayVerdictAndReport } from '../results/say-verdict.js';
import { outcomeOf, type Outcome } from './outcome.js';

export default function verdict({ suite }: { suite: string }, { root }: ExecutorContext): Promise<Outcome> {
  return outcomeOf(`verdict of ${suite} failed`, async () => {
    repairLinks(root, suite);
    return sayVerdictAndReport(root, suite);
  });
}
