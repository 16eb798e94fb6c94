// Executor `leases`: who holds and waits for what on this host; ends one lease by hand.
import type { ExecutorContext } from '@nx/devkit';
import { messageOf } from '../base/message.js';
import { breakByHand } from '../status/break-by-hand.js';
import { leaseLines } from '../status/leases-text.js';
import { readLeaseList } from '../status/leases.js';

interface LeasesOptions {
  json?: boolean;
  /** A number where only digits were given. */
  break?: string | number;
  yes?: boolean;
}

export default async function leases(
  { json = false, break: id, yes = false }: LeasesOptions,
  context: ExecutorContext,
): Promise<{ success: boolean }> {
  const say = (line: string): void => {
    console.log(line);
  };
  try {
    if (id !== undefined) {
      await breakByHand(context.root, String(id), yes, say);
    } else {
      const list = readLeaseList(context.root);
      say(json ? JSON.stringify(list) : leaseLines(list).join('\n'));
    }
    return { success: true };
  } catch (error) {
    console.error(`leases: ${messageOf(error)}`);
    return { success: false };
  }
}
