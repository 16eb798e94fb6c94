// Leases between real processes: how fast a grant comes, and what waiting costs.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openLockDirectory } from '../tools/dist/execution/lease/directory/lock-directory.js';
import { Executor, requestOf } from '../test/support/lease/executors.mjs';
import { FakeGpus } from '../test/support/lease/fake-gpus.mjs';
import { line } from './print.mjs';

const GPUS = 8;
const WAITING = 128;
const RELEASES = 64;
const ARRIVALS = 30;
const SECONDS = 60;
/** Clock ticks of /proc/<pid>/stat a second, as Linux has them everywhere. */
const TICKS = 100;

/** Ticket to grant with a free GPU; release to next start with 128 waiting; CPU time of those who wait. */
export async function leases() {
  const gpus = new FakeGpus(GPUS);
  const { root } = openLockDirectory(mkdtempSync(join(tmpdir(), 'validation-bench-')));
  /** @type {Executor[]} */
  const executors = [];
  const start = (/** @type {number} */ n) => {
    const request = requestOf(`cell-${n}`, { pool: gpus.uuids });
    const executor = new Executor(root, request, { env: gpus.env });
    executors.push(executor);
    return executor;
  };
  try {
    await arrivals(start);
    const holders = await Promise.all(Array.from({ length: GPUS }, (_, at) => start(at).until('granted')));
    const waiting = await startWaiting(start);
    await idleCost(
      root,
      executors.filter(({ process: { exitCode } }) => exitCode === null),
    );
    void holders;
    await releases(executors, waiting);
  } finally {
    for (const executor of executors) executor.kill('SIGKILL');
    await Promise.all(executors.map(({ ended }) => ended));
    gpus.dispose();
    rmSync(root, { recursive: true, force: true });
  }
}

/** @param {(n: number) => Executor} start */
async function arrivals(start) {
  const waits = [];
  for (let n = 0; n < ARRIVALS; n += 1) {
    const executor = start(1_000 + n);
    waits.push((await executor.until('granted')).waitedMs ?? NaN);
    executor.release();
    await executor.ended;
  }
  figures('ticket to grant, a GPU free, new process', waits);
}

/** @param {(n: number) => Executor} start */
async function startWaiting(start) {
  const waiting = [];
  for (let n = 0; n < WAITING; n += 4) {
    const some = [0, 1, 2, 3].map((at) => start(100 + n + at));
    await Promise.all(some.map((executor) => executor.until('says')));
    waiting.push(...some);
  }
  return waiting;
}

/** @param {string} root @param {Executor[]} executors */
async function idleCost(root, executors) {
  // Node collects the garbage of its start some ten seconds later.
  await sleep(30_000);
  const before = executors.map(({ pid }) => cpuSeconds(pid));
  await sleep(SECONDS * 1_000);
  const used = executors.map(({ pid }, at) => {
    const { own, children } = cpuSeconds(pid);
    return { pid, own: own - (before[at]?.own ?? 0), children: children - (before[at]?.children ?? 0) };
  });
  const ticker = JSON.parse(readFileSync(join(root, 'ticker.json'), 'utf8')).owner.pid;
  const holds = new Set(executors.filter((each) => each.said('granted')).map(({ pid }) => pid));
  const sum = (/** @type {typeof used} */ of) => of.reduce((total, { own }) => total + own, 0).toFixed(2);
  const others = used.filter(({ pid }) => pid !== ticker);
  line(
    `CPU of ${WAITING} waiting executors in a minute`,
    `${sum(others.filter(({ pid }) => !holds.has(pid)))} s, and ${sum(used.filter(({ pid }) => pid === ticker))} the host's ticker`,
  );
  const children = used.reduce((total, { children: of }) => total + of, 0).toFixed(2);
  line(
    `CPU of ${GPUS} holding executors in a minute`,
    `${sum(others.filter(({ pid }) => holds.has(pid)))} s; nvidia-smi ${children} s`,
  );
}

/** @param {Executor[]} executors @param {Executor[]} waiting */
async function releases(executors, waiting) {
  const gaps = [];
  const holding = executors.filter((each) => each.said('granted') && each.process.exitCode === null);
  for (let n = 0; n < RELEASES; n += 1) {
    const holder = holding.shift();
    if (holder === undefined) break;
    const open = waiting.filter((each) => each.said('granted') === undefined);
    holder.release();
    const next = await Promise.race(
      open.map(async (each) => ({ each, at: (await each.until('granted')).atMs ?? NaN })),
    );
    gaps.push(next.at - ((await holder.until('releasing')).atMs ?? NaN));
    holding.push(next.each);
    // The next one once this is over: its end is no part of the following start.
    await holder.ended;
  }
  figures(`release to next start, ${WAITING} to ${WAITING - RELEASES} waiting`, gaps);
}

/** @param {string} what @param {number[]} values Milliseconds. */
function figures(what, values) {
  line(what, `median ${quantile(values, 0.5).toFixed(0)} ms, p99 ${quantile(values, 0.99).toFixed(0)} ms`);
}

/** The smallest sample that at least the share `q` of all does not exceed. @param {number[]} values @param {number} q */
function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * q) - 1)] ?? NaN;
}

/** @param {number} pid */
function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15);
  return { own: (user + system) / TICKS, children: (childUser + childSystem) / TICKS };
}
