// What jobs of the engine's tests run in place of a cell: it does what work.json says, and leaves end.json as a cell does.
import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const [directory = ''] = process.argv.slice(2);
const { work } = JSON.parse(readFileSync(join(directory, 'work.json'), 'utf8'));
const note = (what) =>
  appendFileSync(work.notes, `${JSON.stringify({ what, key: work.key, at: Date.now() })}\n`);
note('start');
console.log(`works on ${process.env.CUDA_VISIBLE_DEVICES}`);
if (work.eatMiB) globalThis.eaten = Buffer.alloc(work.eatMiB * 2 ** 20, 1);
await sleep(work.sleepMs ?? 0);
if (work.exit) process.exit(work.exit);
note('end');
const gpus = (process.env.CUDA_VISIBLE_DEVICES ?? '').split(',').filter((name) => name !== '').length;
const end = { submission: basename(directory), value: { ...work.said, gpus } };
writeFileSync(join(directory, 'end.tmp'), JSON.stringify(end));
renameSync(join(directory, 'end.tmp'), join(directory, 'end.json'));
