#!/usr/bin/env node
// Many executors in one process: `crowd.mjs <json>`; counts those that wait as they say so, until it is killed.
import { acquireLease } from '../../../tools/dist/execution/lease/acquire.js';
import { openLockDirectory } from '../../../tools/dist/execution/lease/directory/lock-directory.js';

const { root, requests } = JSON.parse(process.argv[2]);
const directory = openLockDirectory(root);
const never = new AbortController().signal;
await Promise.allSettled(
  requests.map((request) =>
    acquireLease(directory, request, never, (line) => {
      // On a busy machine some are told besides who holds the scheduler lock.
      if (line.startsWith('waiting')) process.stdout.write('waiting\n');
    }),
  ),
);
