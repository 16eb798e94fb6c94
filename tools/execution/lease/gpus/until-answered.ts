// Waits for an nvidia-smi that fails: says so once for each cause, and goes on when it answers.
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../../../base/clock.js';
import { durationText } from '../../../base/duration.js';
import type { Log } from '../../../base/text/live-lines.js';
import { NvidiaSmiFailure } from '../../../host/nvidia-smi.js';

const AGAIN_MS = 2_000;

/**
 * What `body` gives once nvidia-smi answers; every other error of it at once.
 *
 * @throws what the signal was aborted with.
 */
export async function untilAnswered<T>(
  body: () => Promise<T>,
  { log, signal }: { log: Log; signal?: AbortSignal },
): Promise<T> {
  const told = new Set<string>();
  const beganMs = monotonicMs();
  for (;;) {
    try {
      const value = await body();
      const seconds = (monotonicMs() - beganMs) / 1_000;
      if (told.size > 0) log(`nvidia-smi answered after ${durationText(seconds)}: ${[...told].join('; ')}`);
      return value;
    } catch (error) {
      if (!(error instanceof NvidiaSmiFailure)) throw error;
      if (!told.has(error.message)) log(`waiting for nvidia-smi to answer: ${error.message}`, 'now');
      told.add(error.message);
    }
    await sleep(AGAIN_MS, undefined, signal === undefined ? {} : { signal });
  }
}
