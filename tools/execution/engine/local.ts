// The engine `local`: cells run on this host, by its leases.
import { fail, ok } from '../../base/result.js';
import { acquireLease } from '../lease/acquire.js';
import type { LockDirectory } from '../lease/directory/lock-directory.js';
import type { Engine } from './engine.js';

export function localEngine(directory: LockDirectory, poolGiB: readonly number[]): Engine<'here'> {
  return {
    pools: () => Promise.resolve([{ name: 'this host', gpuGiB: poolGiB }]),
    // What another process has is waited for by its ticket: two of one key are never granted at once.
    find: () => Promise.resolve(undefined),
    async submit(work, signal) {
      const cancelling = new AbortController();
      const both = AbortSignal.any([signal, cancelling.signal]);
      const acquired = await acquireLease(directory, work.here.request, both, work.log);
      if (!acquired.ok) return fail(acquired.error);
      const lease = acquired.value;
      return ok({
        id: lease.record.id,
        watch: async () => ok(await work.here.run(lease, both)),
        cancel() {
          cancelling.abort();
          return Promise.resolve();
        },
      });
    },
  };
}
