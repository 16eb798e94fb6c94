// Executor `report`: the HTML report of a suite, with the verdict it rests on, from whatever its output tree holds.
import type { ExecutorContext } from '@nx/devkit';
import { repairLinks } from '../execution/store/link.js';
import { sayVerdictAndReport } from '../results/say-verdict.js';
import { outcomeOf, type Outcome } from './outcome.js';

export default function report({ suite }: { suite: string }, { root }: ExecutorContext): Promise<Outcome> {
  return outcomeOf(`report of ${suite} failed`, async () => {
    repairLinks(root, suite);
    return sayVerdictAndReport(root, suite);
  });
}
