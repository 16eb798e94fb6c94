// Executor `restore`: the finished cells of a suite back into Nx's cache, by one look at all receipts.
import type { ExecutorContext } from '@nx/devkit';
import { restore } from '../monitoring/run/restore.js';
import { outcomeOf, type Outcome } from './outcome.js';

export default function restoreSuite(
  { suite }: { suite: string },
  { root }: ExecutorContext,
): Promise<Outcome> {
  return outcomeOf(`restore of ${suite} failed`, () => restore(root, suite));
}
