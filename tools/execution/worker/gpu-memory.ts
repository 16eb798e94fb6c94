// After a GPU ran out of memory: see that what the dead process held is free, before anybody takes the GPU again.
import { setTimeout as sleep } from 'node:timers/promises';
import type { HeldLease } from '../lease/hold.js';
import type { LockDirectory } from '../lease/directory/lock-directory.js';
import type { LeaseRecord } from '../lease/directory/records.js';
import { readGpus } from '../lease/gpus/occupancy.js';
import { monotonicMs } from '../../base/clock.js';

interface Host {
  directory: LockDirectory;
  signal: AbortSignal;
  log: (line: string) => void;
}

const LONGEST_MS = 60_000;
const EVERY_MS = 1_000;

/** Wait, for a minute at most, until each GPU of the lease has as much free memory as the cell was promised. */
export async function gpuMemoryFreed({ directory, signal, log }: Host, { record }: HeldLease): Promise<void> {
  const deadline = monotonicMs() + LONGEST_MS;
  while (record.gpus.length > 0 && !signal.aborted) {
    const taken = await takenGpus(directory, record);
    if (taken?.length === 0) return;
    if (monotonicMs() > deadline) {
      log(
        taken === undefined
          ? 'nvidia-smi does not say whether the memory of its GPUs came free'
          : `the memory of ${taken.join(', ')} does not come free; other GPUs are taken if there are any`,
      );
      return;
    }
    await sleep(EVERY_MS);
  }
}

/** Those of the lease with less free memory than it was promised; undefined while nvidia-smi fails. */
async function takenGpus(
  directory: LockDirectory,
  { gpus: held, gibPerGpu }: LeaseRecord,
): Promise<string[] | undefined> {
  try {
    // An answer from before the process died tells of another time.
    const { gpus } = await readGpus(directory, [], { maxAgeMs: EVERY_MS, notBeforeMs: monotonicMs() });
    return gpus
      .filter(({ uuid, freeGiB }) => held.includes(uuid) && freeGiB < gibPerGpu)
      .map(({ index, freeGiB }) => `GPU ${index} (${freeGiB.toFixed(1)} GiB free)`);
  } catch {
    return undefined;
  }
}
