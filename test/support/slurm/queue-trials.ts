// Trials of the engine `slurm` with many cells, short in `npm test` and long in the nightly: how long a cell takes beside its
// own work, and a queue that stays small.
import { performance } from 'node:perf_hooks';
import { execa } from 'execa';
import { notesOf } from '../engine/contract.js';
import type { EngineBench } from './engine-bench.js';

export interface Throughput {
  cells: number;
  wallSeconds: number;
  /** Four GPUs at a time, and nothing but the cells' own half seconds. */
  idealSeconds: number;
  /** What a cell takes of its GPU beside its own work. */
  overheadSeconds: number;
  startedOnce: boolean;
}

const GPUS = 4;
const CELL_MS = 500;

/** So many cells of half a second, each on one of 2 × 2 GPUs. */
export async function throughput(bench: EngineBench, cells: number): Promise<Throughput> {
  const keys = Array.from({ length: cells }, (_, index) => `s.m.through:${index}`);
  const began = performance.now();
  const done = await Promise.all(
    keys.map((key) => bench.run({ key, gpus: 1, sleepMs: CELL_MS }, { maxJobs: cells })),
  );
  const wallSeconds = (performance.now() - began) / 1_000;
  const idealSeconds = (Math.ceil(cells / GPUS) * CELL_MS) / 1_000;
  return {
    cells,
    wallSeconds: round(wallSeconds),
    idealSeconds,
    overheadSeconds: round(((wallSeconds - idealSeconds) * GPUS) / cells),
    startedOnce: done.every(({ ok }) => ok) && keys.every((key) => timesStarted(bench, key) === 1),
  };
}

export interface Queued {
  wallSeconds: number;
  /** The most of this user that were in the queue at once. */
  mostInQueue: number;
  allOnce: boolean;
}

/** So many cells that all want in at once, of which the queue may have few. */
export async function queued(bench: EngineBench, cells: number, maxJobs: number): Promise<Queued> {
  const keys = Array.from({ length: cells }, (_, index) => `s.m.queued:${index}`);
  const began = performance.now();
  let open = true;
  let mostInQueue = 0;
  const watch = async (): Promise<void> => {
    while (open) {
      const { stdout } = await execa('squeue', ['--noheader', '--format=%i|%j'], {
        env: bench.cluster.env,
        reject: false,
      });
      const count = stdout.split('\n').filter((line) => line.includes('|s.m.queued:')).length;
      mostInQueue = Math.max(mostInQueue, count);
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  };
  const watching = watch();
  const done = await Promise.all(keys.map((key) => bench.run({ key, gpus: 1 }, { maxJobs })));
  open = false;
  await watching;
  return {
    wallSeconds: round((performance.now() - began) / 1_000),
    mostInQueue,
    allOnce: done.every(({ ok }) => ok) && keys.every((key) => timesStarted(bench, key) === 1),
  };
}

function timesStarted({ notes }: EngineBench, key: string): number {
  return notesOf(notes, key).filter(({ what }) => what === 'start').length;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
