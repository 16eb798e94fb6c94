// Many executors on few GPUs, and a killer among them. What happened is judged by what the workers wrote (worker.sh),
// never by leases: no GPU was ever used twice at a time, and in the end all are there.
import { seeded } from '../seeded.mjs';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { openLockDirectory } from '../../../tools/dist/execution/lease/directory/lock-directory.js';
import { identityOf, isAlive } from '../../../tools/dist/host/process-identity.js';
import { isTemporary } from '../../../tools/dist/execution/lease/directory/records.js';
import { Executor, requestOf } from './executors.mjs';
import { FakeGpus } from './fake-gpus.mjs';

const GPUS = 8;
/** Executors that one nx-like parent forks. */
const BROOD = 5;

/**
 * @typedef {{ seed: number, executors: number, atOnce: number, killEveryMs: number }} StressOptions
 * @typedef {{ executors: number, finished: number, killed: Record<'executor' | 'worker' | 'parent' | 'stopped', number>,
 *   workers: number, violations: string[], failed: string[], missing: string[], remains: string[], seconds: number }} StressReport
 */

/**
 * @param {StressOptions} options
 * @returns {Promise<StressReport>} `missing`: executors that nobody killed and that did not finish.
 */
export async function stress(options) {
  const run = new Stress(options);
  try {
    return await run.report();
  } finally {
    run.dispose();
  }
}

class Stress {
  #gpus = new FakeGpus(GPUS);
  #directory = openLockDirectory(mkdtempSync(join(tmpdir(), 'validation-stress-')));
  #random;
  #options;
  /** @type {Map<string, import('../../../tools/host/process-identity.js').ProcessIdentity | undefined>} Executors by cell. */
  #executors = new Map();
  /** @type {Set<string>} Cells whose executor was killed or cancelled on purpose. */
  #doomed = new Set();
  /** @type {Map<import('node:child_process').ChildProcess, string[]>} Cells by living parent. */
  #parents = new Map();
  #killed = { executor: 0, worker: 0, parent: 0, stopped: 0 };

  /** @param {StressOptions} options */
  constructor(options) {
    this.#options = options;
    this.#random = seeded(options.seed);
  }

  async report() {
    const began = performance.now();
    const { executors } = this.#options;
    const killing = new AbortController();
    const killer = this.#kill(killing.signal);
    await this.#startAll();
    while (this.#living().length > 0) await sleep(100);
    killing.abort();
    await killer;
    // None lost: one executor gets them all at once.
    const all = requestOf('all', { gpus: GPUS, pool: this.#gpus.uuids, gpuLocks: this.#gpus.locks });
    const last = new Executor(this.#directory.root, all, { env: this.#gpus.env });
    await last.until('granted');
    last.release();
    await last.ended;
    const finished = new Set(this.#gpus.lines('finished'));
    const { tickets, leases, gpus } = this.#directory;
    return {
      executors,
      finished: finished.size,
      killed: this.#killed,
      workers: this.#gpus.started().length,
      violations: this.#gpus.violations(),
      failed: this.#gpus.lines('finished.not'),
      missing: [...this.#executors.keys()].filter((cell) => !finished.has(cell) && !this.#doomed.has(cell)),
      // A writer that was killed leaves its temporary file, which the ticker sweeps after a while.
      remains: [tickets, leases, gpus]
        .flatMap((folder) => readdirSync(folder))
        .filter((name) => !isTemporary(name)),
      seconds: (performance.now() - began) / 1_000,
    };
  }

  async #startAll() {
    const { executors, atOnce } = this.#options;
    for (let started = 0; started < executors; started += BROOD) {
      while (this.#living().length > atOnce - BROOD) await sleep(100);
      const size = Math.min(BROOD, executors - started);
      await this.#startBrood(Array.from({ length: size }, (_, at) => this.#config(`cell-${started + at}`)));
    }
  }

  /** @param {string} cell */
  #config(cell) {
    const gpus = this.#pick([1, 1, 1, 1, 1, 1, 2, 2, 4, 0]);
    const worker = {
      mode: this.#pick(['plain', 'plain', 'plain', 'plain', 'plain', 'stray', 'deaf']),
      seconds: 0.05 + this.#random() * 0.5,
      named: this.#random() > 0.1,
    };
    const request = requestOf(cell, {
      gpus,
      pool: this.#gpus.uuids,
      gpuLocks: this.#gpus.locks,
      gibPerGpu: 10 + this.#random() * 50,
    });
    return { root: this.#directory.root, request, worker, finished: join(this.#gpus.root, 'finished') };
  }

  /** @param {{ request: { cell: string } }[]} configs */
  async #startBrood(configs) {
    const file = join(this.#gpus.root, `brood-${configs[0]?.request.cell ?? ''}.json`);
    writeFileSync(file, JSON.stringify(configs));
    const parent = spawn(process.execPath, [join(import.meta.dirname, 'parent.mjs'), file], {
      env: { ...process.env, ...this.#gpus.env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const cells = configs.map(({ request }) => request.cell);
    this.#parents.set(parent, cells);
    parent.once('exit', () => this.#parents.delete(parent));
    let heard = 0;
    for await (const line of createInterface({ input: parent.stdout })) {
      const { cell, pid } = JSON.parse(line);
      this.#executors.set(cell, identityOf(pid));
      heard += 1;
      if (heard === configs.length) break;
    }
    // The killer was first: those that were not even forked are no loss.
    for (const cell of cells) if (!this.#executors.has(cell)) this.#doomed.add(cell);
  }

  /** Cells whose executor runs. */
  #living() {
    return [...this.#executors].flatMap(([cell, executor]) =>
      executor !== undefined && isAlive(executor) ? [cell] : [],
    );
  }

  /** Pid of the cell's executor while that very process lives: pids are used again. @param {string} cell */
  #pidOf(cell) {
    const executor = this.#executors.get(cell);
    return executor !== undefined && isAlive(executor) ? executor.pid : undefined;
  }

  /** @param {AbortSignal} signal */
  async #kill(signal) {
    while (!signal.aborted) {
      await sleep(this.#options.killEveryMs * (0.5 + this.#random()));
      const dice = this.#random();
      if (dice < 0.4) this.#killExecutor();
      else if (dice < 0.8) this.#killWorker();
      else if (dice < 0.97) await this.#stopExecutor();
      else this.#killParent();
    }
  }

  #killExecutor() {
    const cell = this.#pick(this.#living());
    if (cell === undefined) return;
    this.#doomed.add(cell);
    if (send(this.#pidOf(cell), 'SIGKILL')) this.#killed.executor += 1;
  }

  #killWorker() {
    const pid = this.#pick(this.#gpus.living());
    // By its group now and then, as the kernel or an operator might; else the leader alone.
    if (pid !== undefined && send(this.#random() < 0.3 ? -pid : pid, 'SIGKILL')) this.#killed.worker += 1;
  }

  async #stopExecutor() {
    const cell = this.#pick(this.#living());
    if (cell === undefined || !send(this.#pidOf(cell), 'SIGSTOP')) return;
    this.#killed.stopped += 1;
    await sleep(200 + this.#random() * 4_000);
    send(this.#pidOf(cell), 'SIGCONT');
  }

  /** As nx killed: its executors hear of it and end by themselves. */
  #killParent() {
    const [parent, cells] = this.#pick([...this.#parents]) ?? [];
    if (parent === undefined) return;
    for (const cell of cells ?? []) this.#doomed.add(cell);
    parent.kill('SIGKILL');
    this.#killed.parent += 1;
  }

  /** @template T @param {T[]} from @returns {T} */
  #pick(from) {
    return /** @type {T} */ (from[Math.floor(this.#random() * from.length)]);
  }

  dispose() {
    for (const parent of this.#parents.keys()) parent.kill('SIGKILL');
    for (const cell of this.#living()) send(this.#pidOf(cell), 'SIGKILL');
    this.#gpus.dispose();
    rmSync(this.#directory.root, { recursive: true, force: true });
  }
}

/** @param {number | undefined} pid @param {NodeJS.Signals} signal */
function send(pid, signal) {
  try {
    return pid !== undefined && process.kill(pid, signal);
  } catch {
    return false;
  }
}
