// Who lives, who is dead, and when what the dead held is free: real executors, workers and signals.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { monotonicMs } from '../../../tools/base/clock.js';
import { bootedAtMs, identityOf } from '../../../tools/host/process-identity.js';
import { writeLease } from '../../../tools/execution/lease/directory/records.js';
import { isRunning, LeaseRig, until } from '../../support/lease/rig.js';
import { SUPPORT } from '../../support/repository.js';

const TIMEOUT = { timeout: 120_000 };
/** More than a tick and a look of everybody: what has not happened by then does not happen. */
const TICKS_MS = 2_500;

/** End a worker's group once it has told its pid: no group, 0, would be that of the tests themselves. */
async function killWorker(rig: LeaseRig, nth: number): Promise<void> {
  await until(() => rig.gpus.started().length > nth);
  const pid = rig.gpus.started()[nth]?.pid;
  if (pid === undefined || !(pid > 1)) throw new Error(`worker ${nth} told no pid`);
  process.kill(-pid, 'SIGKILL');
}

test.each([
  ['deaf to SIGTERM', { mode: 'deaf' }],
  ['that left its group', { mode: 'stray' }],
  ['its executor had no time to name', { mode: 'plain', named: false }],
] as const)('a worker %s goes before the GPU of its killed executor', TIMEOUT, async (_, work) => {
  await using rig = new LeaseRig();
  const doomed = await rig.holder('doomed', { work });
  await until(() => rig.gpus.started().length === (work.mode === 'stray' ? 2 : 1));
  const workers = rig.gpus.started().map(({ pid }) => pid);
  const next = await rig.waiter('next', { work: { seconds: 0 } });
  doomed.kill('SIGKILL');
  await next.until('granted');
  expect(workers.filter(isRunning)).toEqual([]);
  await next.until('released');
  expect(rig.gpus.violations()).toEqual([]);
  await rig.settle();
  expect(rig.remains()).toEqual([]);
});

test(
  'a killed holder without a worker left: its GPU is free in a moment, whoever was the ticker',
  TIMEOUT,
  async () => {
    await using rig = new LeaseRig();
    const first = await rig.holder('first', { work: {} });
    const second = await rig.waiter('second', { work: {} });
    const third = await rig.waiter('third');
    // The worker goes with its executor, as Python does when its standard input ends.
    await killWorker(rig, 0);
    first.kill('SIGKILL');
    const died = monotonicMs();
    const { atMs = 0 } = await second.until('granted');
    await until(() => rig.ticker() === second.pid || rig.ticker() === third.pid);
    await second.until('working');
    await killWorker(rig, 1);
    second.kill('SIGKILL');
    const diedToo = monotonicMs();
    const { atMs: again = 0 } = await third.until('granted');
    console.log(`freed ${atMs - died} ms and ${again - diedToo} ms after the holder's death (goal 2000)`);
    // The goal is 2 s; here the machine may be busy with anything.
    expect(atMs - died).toBeLessThan(20_000);
    expect(again - diedToo).toBeLessThan(20_000);
  },
);

test('a recycled pid is neither the executor nor the worker of a lease', TIMEOUT, async () => {
  await using rig = new LeaseRig();
  const bystander = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
  const holder = await rig.holder('gone');
  const lease = rig.lease('gone');
  holder.kill('SIGKILL');
  await holder.ended;
  // As it stands when both pids went to others: alive, and born at another time.
  const born = { ...lease.executor, startTime: '1' };
  writeLease(rig.directory, {
    ...lease,
    executor: { ...born, pid: process.pid },
    worker: { ...born, pid: bystander.pid ?? 0 },
  });
  const next = await rig.holder('next');
  expect(isRunning(bystander.pid ?? 0)).toBe(true);
  expect(rig.leases().map(({ cell }) => cell)).toEqual(['next']);
  next.release();
  await next.ended;
  bystander.kill('SIGKILL');
});

test(
  'after a reboot nobody of before lives: not holders, the ticker, nor who had the lock',
  TIMEOUT,
  async () => {
    await using rig = new LeaseRig();
    const bystander = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
    const holder = await rig.holder('before');
    const lease = rig.lease('before');
    holder.kill('SIGKILL');
    await holder.ended;
    // The same pids and start times, of another boot; and a clock that was further then.
    const dead = { ...(identityOf(process.pid) ?? lease.executor), bootId: 'an earlier boot' };
    const later = monotonicMs() + 1e9;
    writeLease(rig.directory, {
      ...lease,
      executor: dead,
      worker: { ...dead, pid: bystander.pid ?? 0 },
      grantedAtMs: later,
    });
    const ticker = { owner: dead, nonce: 'x', beatMs: later };
    writeFileSync(join(rig.root, 'ticker.json'), JSON.stringify(ticker));
    writeFileSync(rig.directory.schedulerLock, JSON.stringify({ ...dead, nonce: 'of-the-dead' }));
    const reading = { bootId: dead.bootId, askedAtMs: later, answeredAtMs: later, text: '', error: null };
    writeFileSync(join(rig.directory.readings, 'gpus.json'), JSON.stringify(reading));
    // They were written before this system began.
    const then = new Date(bootedAtMs() - 3_600_000);
    const beat = join(rig.directory.heartbeats, `${lease.id}.json`);
    for (const path of [rig.directory.schedulerLock, beat]) utimesSync(path, then, then);
    const next = await rig.holder('after');
    expect(isRunning(bystander.pid ?? 0)).toBe(true);
    await until(() => rig.ticker() === next.pid);
    bystander.kill('SIGKILL');
  },
);

test('wall clocks that are years apart change nothing', TIMEOUT, async () => {
  await using rig = new LeaseRig();
  const years = 10 * 365 * 86_400_000;
  const ahead = await rig.holder('ahead', { clockOffsetMs: years });
  const behind = await rig.waiter('behind', { clockOffsetMs: -years });
  const third = await rig.waiter('third', { clockOffsetMs: years });
  await sleep(TICKS_MS);
  expect(behind.said('granted')).toBeUndefined();
  // First come, first served, by the age of their tickets and not by their clocks.
  ahead.release();
  await behind.until('granted');
  expect(third.said('granted')).toBeUndefined();
  behind.kill('SIGKILL');
  await third.until('granted');
});

test('a stopped holder keeps its lease, however old its heartbeat', TIMEOUT, async () => {
  await using rig = new LeaseRig();
  const stopped = await rig.holder('stopped');
  const waiting = await rig.waiter('waiting');
  stopped.kill('SIGSTOP');
  const beat = join(rig.directory.heartbeats, `${rig.lease('stopped').id}.json`);
  expect(existsSync(beat)).toBe(true);
  writeFileSync(beat, JSON.stringify({ beatMs: 1, signOfLifeMs: 1 }));
  await sleep(TICKS_MS);
  expect(waiting.said('granted')).toBeUndefined();
  expect(rig.lease('stopped').terminatedAtMs).toBeNull();
  stopped.kill('SIGCONT');
  stopped.release();
  await waiting.until('granted');
  expect(rig.gpus.violations()).toEqual([]);
});

test('who is stopped while it waits is passed by, and served once it goes on', TIMEOUT, async () => {
  await using rig = new LeaseRig();
  const holder = await rig.holder('holder');
  const stopped = await rig.waiter('stopped');
  const other = await rig.waiter('other');
  stopped.kill('SIGSTOP');
  holder.release();
  await other.until('granted');
  other.release();
  await other.ended;
  expect(rig.leases()).toEqual([]);
  stopped.kill('SIGCONT');
  await stopped.until('granted');
});

test.each(['SIGSTOP', 'SIGKILL'] as const)('a ticker hit by %s is replaced', TIMEOUT, async (signal) => {
  await using rig = new LeaseRig(2);
  const executors = [
    await rig.holder('a'),
    await rig.holder('b'),
    await rig.waiter('c'),
    await rig.waiter('d'),
  ];
  await until(() => executors.some(({ pid }) => pid === rig.ticker()));
  const ticker = executors.find(({ pid }) => pid === rig.ticker());
  ticker?.kill(signal);
  await until(() => rig.ticker() !== ticker?.pid);
  // It does a ticker's work: another holder is killed, and somebody who waits is served.
  const holder = executors.slice(0, 2).find((each) => each !== ticker);
  const waiting = executors.slice(2).filter((each) => each !== ticker);
  holder?.kill('SIGKILL');
  await Promise.race(waiting.map((each) => each.until('granted')));
  if (signal !== 'SIGSTOP') return;
  // The stopped one goes on, finds another in its place and leaves it there.
  const successor = rig.ticker();
  ticker?.kill('SIGCONT');
  await sleep(TICKS_MS);
  expect(rig.ticker()).toBe(successor);
});

test('the ticker that ends hands over to one who waits', TIMEOUT, async () => {
  await using rig = new LeaseRig(1);
  const holder = await rig.holder('holder');
  await until(() => rig.ticker() === holder.pid);
  const waiting = await rig.waiter('waiting');
  holder.release();
  await waiting.until('granted');
  await until(() => rig.ticker() === waiting.pid);
});

test('a GPU that a foreign process leaves is given out', TIMEOUT, async () => {
  await using rig = new LeaseRig(1);
  const foreigner = rig.gpus.occupy(0);
  const waiting = await rig.waiter('waiting');
  expect(waiting.lines).toEqual(['waiting: needs 1 GPU of 10 GiB, 0 free']);
  await sleep(TICKS_MS);
  expect(waiting.said('granted')).toBeUndefined();
  foreigner.kill('SIGKILL');
  await waiting.until('granted');
});

test(
  'what a worker writes of itself is what the tests believe: two on one GPU are seen',
  TIMEOUT,
  async () => {
    await using rig = new LeaseRig(1);
    const held = await rig.holder('held', { work: {} });
    // It has begun, and has the GPU in hand once it tells so.
    await until(() => rig.gpus.started().length === 1);
    const intruder = spawn(join(SUPPORT, 'lease/worker.sh'), ['plain', '0'], {
      env: { ...rig.gpus.env, CUDA_VISIBLE_DEVICES: rig.gpus.uuids[0], VALIDATION_LEASE: 'intruder' },
    });
    await new Promise((resolve) => intruder.once('close', resolve));
    expect(rig.gpus.violations()).toEqual([`intruder took ${rig.gpus.uuids[0] ?? ''}, which is held`]);
    expect(readFileSync(rig.leasePath('held'), 'utf8')).toContain(rig.gpus.uuids[0]);
    held.kill('SIGTERM');
    await held.ended;
  },
);
