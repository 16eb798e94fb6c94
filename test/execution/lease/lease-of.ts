// The lease that a test asks for and counts on; a failure to get it fails the test.
import { acquireLease } from '../../../tools/execution/lease/acquire.js';
import type { HeldLease } from '../../../tools/execution/lease/hold.js';

export async function leaseOf(...request: Parameters<typeof acquireLease>): Promise<HeldLease> {
  const result = await acquireLease(...request);
  if (!result.ok) throw new Error(`no lease (${result.error.reason}): ${result.error.message}`);
  return result.value;
}
