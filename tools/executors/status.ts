// Executor `status`: how a suite stands, once or every two seconds.
import type { ExecutorContext } from '@nx/devkit';
import { showStatus, watchStatus } from '../monitoring/status/show-status.js';
import { outcomeOf, type Outcome } from './outcome.js';

export default function status(
  options: { suite: string; watch?: boolean; json?: boolean },
  context: ExecutorContext,
): Promise<Outcome> {
  const asked = { workspaceRoot: context.root, suite: options.suite, json: options.json ?? false };
  return outcomeOf(`status of ${options.suite} failed`, () =>
    options.watch === true ? watchStatus(asked) : showStatus(asked),
  );
}
