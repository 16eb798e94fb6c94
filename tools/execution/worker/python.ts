// Runs one Python process for a cell: own session, own process group, events in, log to a file, ended as a group.
import { closeSync, openSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa, type Options } from 'execa';
import { GRACE_MS } from '../lease/reap.js';
import { LineSplitter, parseEvent, type CellEvent } from '../records/events.js';
import type { PythonEnd, PythonRun } from './process.js';
import { endGroup, supervise } from './supervise.js';

const EVENTS_FD = 3;
/** What the last events take to arrive, once nobody writes any more. */
const DRAIN_MS = 2_000;

export async function runPython(run: PythonRun): Promise<PythonEnd> {
  const log = openSync(run.log, 'a');
  const options = {
    cwd: run.cwd,
    env: { ...run.env, CELL_EVENTS_FD: String(EVENTS_FD) },
    // stdin stays open and silent: its end tells the worker that this executor is gone.
    // One descriptor for both: their lines stay in order. (execa takes any; its types know only 1 and 2.)
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
  listen(child.stdio[EVENTS_FD], run.onEvent);
  // Children the worker left behind hold its GPU, and its pipes: they go with it, before the pipes are waited for.
  // One that left the group keeps the pipes, and nobody waiting.
  child.once('exit', () => {
    void endGroup(pid, GRACE_MS)
      .then(() => sleep(DRAIN_MS, undefined, { ref: false }))
      .then(() => child.stdio[EVENTS_FD].destroy());
  });
  const ended = child.then(({ signal, exitCode }) =>
    signal === undefined ? { exitCode: exitCode ?? -1 } : { signal },
  );
  return supervise(run, { pid, ended });
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
