// Runs one Python process for a cell: own session, own process group, events in, log to a file, ended as a group.
import { closeSync, openSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa, type Options } from 'execa';
import { isGroupAlive } from '../lease/process-identity.js';
import { GRACE_MS, signalGroup } from '../lease/reap.js';
import { LineSplitter, parseEvent, type CellEvent } from './events.js';

export interface PythonRun {
  command: string;
  args: string[];
  cwd: string;
  env: Record<string, string>;
  /** Absolute path; stdout and stderr go there. */
  log: string;
  /** 0: no limit. */
  timeoutSeconds: number;
  signal: AbortSignal;
  onStart: (pid: number) => void;
  onEvent: (event: CellEvent) => void;
}

export type PythonEnd =
  | { how: 'exit'; exitCode: number }
  | { how: 'signal'; signal: string }
  | { how: 'timeout' }
  | { how: 'cancelled' }
  | { how: 'unstartable'; message: string };

const EVENTS_FD = 3;
/** setTimeout takes no more (24 days), and fires at once when it is given more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** Nx gives its executors five seconds in all; a cancelled worker gets most of them. */
const CANCEL_GRACE_MS = 3_000;
/** A worker that nx itself ended dies up to half a second before its executor hears of it. */
const CANCEL_RUMOUR_MS = 500;

export async function runPython(run: PythonRun): Promise<PythonEnd> {
  const log = openSync(run.log, 'a');
  const options = {
    cwd: run.cwd,
    env: { ...run.env, CELL_EVENTS_FD: String(EVENTS_FD) },
    // stdin stays open and silent: its end tells the worker that this executor is gone.
    // A descriptor, not a pipe: a flood of output passes by this process. (execa takes any; its types know only 1 and 2.)
    stdio: ['pipe', log as 1, log as 1, 'pipe'],
    buffer: false,
    detached: true,
    reject: false,
    cleanup: false,
  } as const satisfies Options;
  const child = execa(run.command, run.args, options);
  closeSync(log);
  const { pid } = child;
  if (pid === undefined) return { how: 'unstartable', message: (await child).shortMessage ?? run.command };
  try {
    run.onStart(pid);
  } catch (error) {
    await endGroup(pid, 0);
    throw error;
  }
  listen(child.stdio[EVENTS_FD], run.onEvent);

  let cause: 'timeout' | 'cancelled' | undefined;
  const end = (why: 'timeout' | 'cancelled', graceMs: number): void => {
    cause ??= why;
    void endGroup(pid, graceMs);
  };
  const timer =
    run.timeoutSeconds > 0
      ? setTimeout(
          () => {
            end('timeout', GRACE_MS);
          },
          Math.min(run.timeoutSeconds * 1_000, LONGEST_TIMER_MS),
        )
      : undefined;
  const onAbort = (): void => {
    end('cancelled', CANCEL_GRACE_MS);
  };
  run.signal.addEventListener('abort', onAbort, { once: true });
  if (run.signal.aborted) onAbort();
  // Children the worker left behind hold its GPU, and its pipes: they go with it, before the pipes are waited for.
  child.once('exit', () => {
    void endGroup(pid, GRACE_MS);
  });
  try {
    const result = await child;
    if (cause === undefined && result.signal === 'SIGTERM') await sleep(CANCEL_RUMOUR_MS);
    await endGroup(pid, GRACE_MS);
    if (cause === 'timeout') return { how: 'timeout' };
    if (run.signal.aborted) return { how: 'cancelled' };
    if (result.signal !== undefined) return { how: 'signal', signal: result.signal };
    return { how: 'exit', exitCode: result.exitCode ?? -1 };
  } finally {
    clearTimeout(timer);
    run.signal.removeEventListener('abort', onAbort);
  }
}

/** TERM to the group, KILL after the grace; resolves when no process of it is left. */
async function endGroup(pid: number, graceMs: number): Promise<void> {
  if (!isGroupAlive(pid)) return;
  signalGroup(pid, 'SIGTERM');
  const deadline = Date.now() + graceMs;
  while (isGroupAlive(pid) && Date.now() < deadline) await sleep(20);
  while (isGroupAlive(pid)) {
    signalGroup(pid, 'SIGKILL');
    await sleep(20);
  }
}

function listen(stream: Readable, onEvent: (event: CellEvent) => void): void {
  const lines = new LineSplitter();
  stream.on('data', (chunk: Uint8Array) => {
    for (const line of lines.push(chunk)) {
      const event = parseEvent(line);
      if (event !== undefined) onEvent(event);
    }
  });
  stream.on('error', () => undefined);
}
