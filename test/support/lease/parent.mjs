#!/usr/bin/env node
// Forks executors as nx does, tied to it by an IPC channel, and says their pids: `parent.mjs <json of configs>`.
import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const configs = JSON.parse(readFileSync(process.argv[2], 'utf8'));
for (const config of configs) {
  const child = fork(join(import.meta.dirname, 'executor.mjs'), [JSON.stringify(config)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  process.stdout.write(`${JSON.stringify({ cell: config.request.cell, pid: child.pid })}\n`);
}
