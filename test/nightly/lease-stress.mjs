#!/usr/bin/env node
// GPU leases under fire, the long form: `node test/nightly/lease-stress.mjs [--seed N] [--minutes M] [--executors E]`.
// Rounds of E executors (200) on 8 fake GPUs until M minutes (10) are over; each round's seed is said, and a round can be
// repeated by it (what is killed follows from the seed, when the kernel runs whom does not).
import { parseArgs } from 'node:util';
import { stress } from '../support/lease/stress.mjs';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(1 + Math.floor(Math.random() * 1e6)) },
    minutes: { type: 'string', default: '10' },
    executors: { type: 'string', default: '200' },
  },
});
const [first, minutes, executors] = [values.seed, values.minutes, values.executors].map(Number);
if (![first, minutes, executors].every((value) => Number.isFinite(value) && value > 0)) {
  console.error('--seed, --minutes and --executors are positive numbers');
  process.exit(2);
}

const began = performance.now();
let failed = 0;
for (let seed = first; seed === first || performance.now() - began < minutes * 60_000; seed += 1) {
  const { violations, missing, remains, killed, ...report } = await stress({
    seed,
    executors,
    atOnce: executors,
    killEveryMs: 250,
  });
  const good = [violations, missing, remains].every((list) => list.length === 0);
  if (!good) failed += 1;
  const deaths = `${killed.executor} executors, ${killed.worker} workers, ${killed.parent} parents killed, ${killed.stopped} stopped`;
  console.log(
    `seed ${seed}: ${good ? 'ok' : 'FAILED'}, ${report.executors} executors, ${report.finished} finished, ${report.workers} workers; ${deaths}; ${report.seconds.toFixed(0)} s`,
  );
  if (!good) console.log(JSON.stringify({ violations, missing, remains }, null, 2));
}
process.exitCode = failed === 0 ? 0 : 1;
