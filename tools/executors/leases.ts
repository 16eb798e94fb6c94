// Executor `leases`: who holds and waits for what on this host; ends one lease by hand.
import { say, sayJson } from '../base/text/say.js';
import type { ExecutorContext } from '@nx/devkit';
import { breakByHand } from '../monitoring/status/break-by-hand.js';
import { leaseLines } from '../monitoring/status/leases-text.js';
import { readLeaseList } from '../monitoring/status/leases.js';
import { outcomeOf, type Outcome } from './outcome.js';

interface LeasesOptions {
  json?: boolean;
  /** A number where only digits were given. */
  break?: string | number;
  yes?: boolean;
}

export default function leases(
  { json = false, break: id, yes = false }: LeasesOptions,
  { root }: ExecutorContext,
): Promise<Outcome> {
  const log = (line: string): void => {
    say(line);
  };
  return outcomeOf('leases', async () => {
    if (id !== undefined) {
      await breakByHand(root, String(id), yes, log);
    } else {
      const list = readLeaseList(root);
      if (json) sayJson(list);
      else log(leaseLines(list).join('\n'));
    }
  });
}
