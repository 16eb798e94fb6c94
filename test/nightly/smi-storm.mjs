#!/usr/bin/env node
// Cells under an nvidia-smi that is slow, fails, hangs and lies, the long form:
// `node test/nightly/smi-storm.mjs [--seed N] [--cells C]`. None fails, and no GPU is used twice.
import { parseArgs } from 'node:util';
import { smiStorm } from '../support/lease/smi-storm.mjs';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(1 + Math.floor(Math.random() * 1e6)) },
    cells: { type: 'string', default: '200' },
  },
});
const [seed, cells] = [values.seed, values.cells].map(Number);
if (![seed, cells].every((value) => Number.isFinite(value) && value > 0)) {
  console.error('--seed and --cells are positive numbers');
  process.exit(2);
}

const { failed, violations, ...report } = await smiStorm({ seed, cells, processes: 5 });
const good = failed.length === 0 && violations.length === 0 && report.done >= cells;
console.log(
  `seed ${seed}: ${good ? 'ok' : 'FAILED'}, ${report.done} of ${cells} cells, ${report.calls} questions, ${report.seconds.toFixed(0)} s`,
);
if (!good) console.log(JSON.stringify({ failed, violations }, null, 2));
process.exitCode = good ? 0 : 1;
