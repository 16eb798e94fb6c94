// Two nx runs at once, and runs that end early: each cell once, no slot lost, no process left.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { identityOf } from '../../tools/host/process-identity.js';
import { Rig, SMALL_SUITE, type Ran } from '../support/rig/workspace.js';

const PAUSE = Object.fromEntries(
  ['baseline:setup', 'baseline:calibrate-1', 'edits:edit', 'quant_8bit_clean:certify-1'].map((cell) => [
    `rig.m.${cell}`,
    { sleepMs: 700 },
  ]),
);

const SETUP = 'm.baseline:setup';

function leases(rig: Rig): string[] {
  return readdirSync(join(rig.lockDirectory, 'leases'));
}

async function until(what: () => boolean, timeoutMs = 30_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!what()) {
    if (Date.now() > deadline) throw new Error('waited in vain');
    await sleep(50);
  }
}

function startsOf(rig: Rig): Ran[] {
  return rig.exists('ran.jsonl')
    ? rig
        .read('ran.jsonl')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Ran)
        .filter(({ what }) => what === 'start')
    : [];
}

/** The most cells that ran at one time. */
function mostAtOnce(runs: readonly Ran[]): number {
  let now = 0;
  return Math.max(...runs.map(({ what }) => (now += what === 'start' ? 1 : -1)));
}

test.each([
  // Neither run can answer from the other's cache.
  ['a cache each', '.nx/second'],
  // Each may restore outputs while the other reads them.
  ['one cache', '.nx/cache'],
])(
  'two nx runs on one lock directory, %s: each cell runs once, the slots are respected',
  { timeout: 180_000 },
  async (_, cache) => {
    await using rig = new Rig(SMALL_SUITE);
    rig.edit('workspace-config/site.yaml', (text) => text.replace('slots: auto', 'slots: 2'));
    await rig.generate();
    rig.script(PAUSE);
    const [first, second] = await Promise.all([
      rig.certify(),
      rig.nx(['run-many', '-t', 'certify'], { NX_CACHE_DIRECTORY: join(rig.root, cache) }),
    ]);
    expect([first.exitCode, second.exitCode]).toEqual([0, 0]);
    const runs = rig.takeRuns();
    const started = runs.filter(({ what }) => what === 'start').map(({ cell }) => cell);
    expect(started.length).toBe(15);
    expect(new Set(started).size).toBe(15);
    expect(mostAtOnce(runs)).toBeLessThanOrEqual(2);
    expect(leases(rig)).toEqual([]);
  },
);

/** A run whose only worker sleeps: nx, and the worker's pid. */
async function sleepingSetup(rig: Rig) {
  await rig.generate();
  rig.script({ [`rig.${SETUP}`]: { sleepMs: 60_000 } });
  const run = rig.start(['run', `rig.${SETUP}`]);
  await until(() => startsOf(rig).length === 1 && leases(rig).length === 1);
  return { run, worker: rig.takeRuns()[0]?.pid ?? 0 };
}

async function setUpAgain(rig: Rig): Promise<void> {
  rig.script({});
  expect((await rig.nx(['run', `rig.${SETUP}`])).exitCode).toBe(0);
  expect(leases(rig)).toEqual([]);
}

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s ends the workers, frees the slots, is told and no success, and the next run goes on',
  { timeout: 120_000 },
  async (signal) => {
    await using rig = new Rig(SMALL_SUITE);
    const { run, worker } = await sleepingSetup(rig);
    run.kill(signal);
    const { exitCode, all } = await run;
    expect(exitCode, all).toBe(130);
    expect(all).toContain(`stopped by ${signal}: finished cells are kept, and the same command goes on`);
    await until(() => identityOf(worker) === undefined && leases(rig).length === 0, 10_000);
    expect(rig.exists('output/rig/models/m/baseline.receipt.json')).toBe(false);
    await setUpAgain(rig);
  },
);

test(
  'when nx is killed, its executors end their workers and give the slots back',
  { timeout: 120_000 },
  async () => {
    await using rig = new Rig(SMALL_SUITE);
    const { run, worker } = await sleepingSetup(rig);
    run.kill('SIGKILL');
    await run;
    await until(() => identityOf(worker) === undefined && leases(rig).length === 0, 15_000);
  },
);

test(
  'a worker whose executor is killed ends by itself, and its slot is free again',
  { timeout: 120_000 },
  async () => {
    await using rig = new Rig(SMALL_SUITE);
    const { run, worker } = await sleepingSetup(rig);
    const [name = ''] = leases(rig);
    const lease = JSON.parse(readFileSync(join(rig.lockDirectory, 'leases', name), 'utf8')) as {
      executor: { pid: number };
    };
    process.kill(lease.executor.pid, 'SIGKILL');
    await run;
    await until(() => identityOf(worker) === undefined, 10_000);
    await setUpAgain(rig);
  },
);
