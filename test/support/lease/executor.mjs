#!/usr/bin/env node
// An executor without nx: waits for a lease, runs a worker under it (or holds it until told), gives it back. Says what
// happens as JSON lines; takes `release` on its standard input.
import { cancellation } from '../../../tools/dist/base/cancellation.js';
import { runPython } from '../../../tools/dist/execution/worker/python.js';
import { acquireLease } from '../../../tools/dist/execution/lease/acquire.js';
import { openLockDirectory } from '../../../tools/dist/execution/lease/directory/lock-directory.js';
import { monotonicMs } from '../../../tools/dist/base/clock.js';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';

const { root, request, worker, clockOffsetMs, finished } = JSON.parse(process.argv[2]);
// A wall clock that was set: the executor must not notice.
if (clockOffsetMs !== undefined) {
  const real = Date.now;
  Date.now = () => real() + clockOffsetMs;
}
const log = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);
const told = new Promise((resolve) => process.stdin.once('data', resolve));
const { signal, dispose } = cancellation();
try {
  const directory = openLockDirectory(root);
  const acquired = await acquireLease(directory, request, signal, (line) => log({ event: 'says', line }));
  if (!acquired.ok) throw new Error(acquired.error.message);
  const lease = acquired.value;
  const { id, gpus } = lease.record;
  log({ event: 'granted', id, gpus, atMs: monotonicMs(), waitedMs: lease.waitedMs });
  let end;
  try {
    if (worker === undefined) await told;
    else end = await work(lease, worker);
  } finally {
    log({ event: 'releasing', atMs: monotonicMs() });
    await lease.release({ seconds: 1 });
  }
  log({ event: 'released', atMs: monotonicMs(), end });
  if (finished !== undefined) appendFileSync(finished, `${request.cell}\n`);
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  log({ event: 'failed', message });
  if (finished !== undefined) appendFileSync(`${finished}.not`, `${request.cell}: ${message}\n`);
  process.exitCode = 1;
}
dispose();
process.stdin.destroy();
if (process.connected) process.disconnect();

function work(lease, { mode, seconds, named = true }) {
  const { id, gpus } = lease.record;
  return runPython({
    command: join(import.meta.dirname, 'worker.sh'),
    args: [mode, String(seconds)],
    cwd: '/',
    env: { ...process.env, CUDA_VISIBLE_DEVICES: gpus.join(','), VALIDATION_LEASE: id },
    log: '/dev/null',
    timeoutSeconds: 0,
    signal,
    onStart: (pid) => {
      if (named) lease.setWorker(pid);
      log({ event: 'working', pid });
    },
    onEvent: () => undefined,
  });
}
