// While something takes minutes, a line of how far it is, four times a second: whoever shows it takes what it needs.
import { monotonicMs } from '../base/clock.js';
import type { Log } from '../base/text/live-lines.js';

const TICK_MS = 250;

export async function ticking<T>(
  log: Log,
  text: (seconds: number) => string,
  body: () => Promise<T>,
): Promise<T> {
  const beganMs = monotonicMs();
  const tick = setInterval(() => {
    log(text((monotonicMs() - beganMs) / 1_000), 'now');
  }, TICK_MS);
  try {
    return await body();
  } finally {
    clearInterval(tick);
  }
}
