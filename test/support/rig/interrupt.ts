// Interrupts a run of nx as people and machines do: Ctrl-C, `kill`, SIGKILL, and the end of everything at once.
import { setTimeout as sleep } from 'node:timers/promises';
import { executorsOf } from './processes.js';

/** `machine`: nx and its executors die in the same instant, unheard. */
export const INTERRUPTIONS = ['SIGINT', 'SIGTERM', 'SIGKILL', 'machine'] as const;
export type Interruption = (typeof INTERRUPTIONS)[number];

/**
 * Interrupt nx after a while and wait until the run is over.
 *
 * @returns whether it was still running then.
 */
export async function interrupt(
  run: PromiseLike<unknown> & { pid?: number | undefined },
  afterMs: number,
  how: Interruption,
): Promise<boolean> {
  const over = run.then(() => true);
  if (run.pid === undefined || (await Promise.race([over, sleep(afterMs, false)]))) return false;
  const victims = how === 'machine' ? [run.pid, ...executorsOf(run.pid)] : [run.pid];
  for (const pid of victims) send(pid, how === 'machine' ? 'SIGKILL' : how);
  await over;
  return true;
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself meanwhile.
  }
}
