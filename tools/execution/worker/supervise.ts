// Watches over a worker's process group, however it was started: time-out, cancelling, children left behind.
import { setTimeout as sleep } from 'node:timers/promises';
import { isGroupAlive } from '../../host/process-identity.js';
import { GRACE_MS, signalGroup } from '../lease/reap.js';
import type { PythonEnd, PythonRun } from './process.js';

/** A process that leads its own session and group. */
export interface Worker {
  pid: number;
  /** How the process itself ended. */
  ended: Promise<{ exitCode: number } | { signal: string }>;
}

/** setTimeout takes no more (24 days), and fires at once when it is given more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** Nx gives its executors five seconds in all; a cancelled worker gets most of them. */
const CANCEL_GRACE_MS = 3_000;
/** A worker that nx itself ended dies up to half a second before its executor hears of it. */
const CANCEL_RUMOUR_MS = 500;

export async function supervise(
  { onStart, timeoutSeconds, signal }: Pick<PythonRun, 'onStart' | 'timeoutSeconds' | 'signal'>,
  { pid, ended }: Worker,
): Promise<PythonEnd> {
  try {
    onStart(pid);
  } catch (error) {
    await endGroup(pid, 0);
    throw error;
  }
  let cause: 'timeout' | 'cancelled' | undefined;
  const end = (why: 'timeout' | 'cancelled', graceMs: number): void => {
    cause ??= why;
    void endGroup(pid, graceMs);
  };
  const timer =
    timeoutSeconds > 0
      ? setTimeout(
          () => {
            end('timeout', GRACE_MS);
          },
          Math.min(timeoutSeconds * 1_000, LONGEST_TIMER_MS),
        )
      : undefined;
  const onAbort = (): void => {
    end('cancelled', CANCEL_GRACE_MS);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    const how = await ended;
    if (cause === undefined && 'signal' in how && how.signal === 'SIGTERM') await sleep(CANCEL_RUMOUR_MS);
    await endGroup(pid, GRACE_MS);
    if (cause === 'timeout') return { how: 'timeout' };
    if (signal.aborted) return { how: 'cancelled' };
    return 'signal' in how ? { how: 'signal', signal: how.signal } : { how: 'exit', exitCode: how.exitCode };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

/** TERM to the group, KILL after the grace; resolves when no process of it is left. */
export async function endGroup(pid: number, graceMs: number): Promise<void> {
  if (!isGroupAlive(pid)) return;
  signalGroup(pid, 'SIGTERM');
  const deadline = Date.now() + graceMs;
  while (isGroupAlive(pid) && Date.now() < deadline) await sleep(20);
  while (isGroupAlive(pid)) {
    signalGroup(pid, 'SIGKILL');
    await sleep(20);
  }
}
