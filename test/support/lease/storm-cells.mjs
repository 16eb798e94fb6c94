#!/usr/bin/env node
// Cells in one process, each from its lease to the end of its worker: `storm-cells.mjs <json>`; a JSON line for each.
import { join } from 'node:path';
import { runPython } from '../../../tools/dist/execution/worker/python.js';
import { acquireLease } from '../../../tools/dist/execution/lease/acquire.js';
import { openLockDirectory } from '../../../tools/dist/execution/lease/directory/lock-directory.js';

const { root, requests } = JSON.parse(process.argv[2]);
const directory = openLockDirectory(root);
const { signal } = new AbortController();
const tell = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

async function run(request) {
  const { cell } = request;
  const acquired = await acquireLease(directory, request, signal, (line) => tell({ cell, line }));
  if (!acquired.ok) return tell({ cell, failed: acquired.error.message });
  const lease = acquired.value;
  const { id, gpus } = lease.record;
  const end = await runPython({
    command: join(import.meta.dirname, 'worker.sh'),
    args: ['plain', '0.05'],
    cwd: '/',
    env: { ...process.env, CUDA_VISIBLE_DEVICES: gpus.join(','), VALIDATION_LEASE: id },
    log: '/dev/null',
    timeoutSeconds: 0,
    signal,
    onStart: (pid) => lease.setWorker(pid),
    onEvent: () => undefined,
  });
  await lease.release({ seconds: 1 });
  tell({ cell, done: end.how === 'exit' && end.exitCode === 0, gpus });
}

await Promise.all(
  requests.map((request) =>
    run(request).catch((error) => tell({ cell: request.cell, failed: String(error) })),
  ),
);
