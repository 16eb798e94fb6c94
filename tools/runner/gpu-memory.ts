// After a GPU ran out of memory: see that what the dead process held is free, before anybody takes the GPU again.
import { setTimeout as sleep } from 'node:timers/promises';
import type { HeldLease } from '../lease/hold.js';
import type { LockDirectory } from '../lease/lock-directory.js';
import { readPool } from '../lease/pool.js';
import type { SiteSettings } from '../suite/settings.js';

interface Host {
  settings: SiteSettings;
  directory: LockDirectory;
  signal: AbortSignal;
  say: (line: string) => void;
}

const LONGEST_MS = 60_000;
const EVERY_MS = 1_000;

/** Wait, for a minute at most, until each GPU of the lease has as much free memory as the cell was promised. */
export async function gpuMemoryFreed(
  { settings, directory, signal, say }: Host,
  { record }: HeldLease,
): Promise<void> {
  const deadline = Date.now() + LONGEST_MS;
  while (record.gpus.length > 0 && !signal.aborted) {
    const pool = await readPool(settings, directory);
    const taken = pool.filter(
      ({ uuid, freeGiB }) => record.gpus.includes(uuid) && freeGiB < record.gibPerGpu,
    );
    if (taken.length === 0) return;
    if (Date.now() > deadline) {
      const names = taken.map(({ index, freeGiB }) => `GPU ${index} (${freeGiB.toFixed(1)} GiB free)`);
      say(`the memory of ${names.join(', ')} does not come free; other GPUs are taken if there are any`);
      return;
    }
    await sleep(EVERY_MS);
  }
}
