// @ts-check
// Starts executors (executor.mjs) and hears what they say; builds what they ask for.
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { deviceOf } from '../../../tools/dist/host/host.js';

/**
 * @typedef {import('../../../tools/execution/lease/ticket.js').LeaseRequest} LeaseRequest
 * @typedef {{ event: string, line?: string, id?: string, gpus?: string[], atMs?: number, waitedMs?: number, pid?: number, message?: string }} Said
 * @typedef {{ mode?: 'plain' | 'deaf' | 'stray', seconds?: number, named?: boolean }} Work
 */

/**
 * A cell that wants `gpus` GPUs of the pool, or only a CPU slot.
 *
 * @param {string} cell
 * @param {{ gpus?: number, pool?: readonly string[], cpuSlots?: number, needsSlots?: number, gibPerGpu?: number, nvidiaSmiMs?: number, gpuLocks?: string, sharing?: 'exclusive' | 'memory' }} [options]
 * @returns {LeaseRequest}
 */
export function requestOf(
  cell,
  {
    gpus = 1,
    pool = [],
    cpuSlots = 1_000,
    needsSlots = 1,
    gibPerGpu = 10,
    nvidiaSmiMs,
    gpuLocks,
    sharing = 'exclusive',
  } = {},
) {
  return {
    key: cell,
    cell,
    workspace: '/w',
    standing: {
      suite: 's',
      model: 'm',
      kind: 'certify',
      base: 50,
      weightsGiB: 1,
      cellsOfModel: 1,
      blocks: 0,
      units: 1,
      chains: [],
    },
    needs: { gpus, gibPerGpu: gpus > 0 ? gibPerGpu : 0, cpuSlots: needsSlots, ramGiB: 0, writes: [] },
    limits: {
      gpus: [...pool],
      cpuSlots,
      minFreeGiB: 10,
      requireIdle: sharing === 'exclusive',
      toleranceGiB: 0,
      sharing,
      strategy: 'small_first',
      nvidiaSmiMs,
      gpuLocks,
      disk: { device: deviceOf(tmpdir()), minFreeBytes: 0 },
    },
    poolGiB: pool.map(() => 79),
    storageRoot: tmpdir(),
  };
}

export class Executor {
  /** @type {Said[]} */
  heard = [];
  /** @type {(() => void)[]} */
  #waiters = [];
  /** @type {import('node:child_process').ChildProcess} */
  process;
  /** @type {Promise<void>} Resolves when the process is gone. */
  ended;

  /**
   * @param {string} root lock directory
   * @param {LeaseRequest} request
   * @param {{ work?: Work, env?: Record<string, string>, clockOffsetMs?: number, wrap?: string[] }} [options] `wrap`: a command to run it under.
   */
  constructor(root, request, { work, env = {}, clockOffsetMs, wrap = [] } = {}) {
    const worker = work === undefined ? undefined : { mode: 'plain', seconds: 600, ...work };
    const config = JSON.stringify({ root, request, worker, clockOffsetMs });
    const [command = '', ...args] = [
      ...wrap,
      process.execPath,
      join(import.meta.dirname, 'executor.mjs'),
      config,
    ];
    this.process = spawn(command, args, {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const { stdout, stdin } = this.process;
    if (stdout !== null)
      createInterface({ input: stdout }).on('line', (line) => this.#hear(JSON.parse(line)));
    stdin?.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      this.process.once('close', () => {
        resolve();
        this.#wake();
      });
    });
  }

  get pid() {
    return this.process.pid ?? 0;
  }

  /** @param {Said} said */
  #hear(said) {
    this.heard.push(said);
    this.#wake();
  }

  #wake() {
    for (const wake of this.#waiters.splice(0)) wake();
  }

  /** @param {string} event @returns {Said | undefined} */
  said(event) {
    return this.heard.find((each) => each.event === event);
  }

  /** Everything it told its user. @returns {string[]} */
  get lines() {
    return this.heard.flatMap(({ line }) => (line === undefined ? [] : [line]));
  }

  /** The first such event; fails when the process ends without. @param {string} event @returns {Promise<Said>} */
  async until(event) {
    for (;;) {
      const found = this.said(event);
      if (found !== undefined) return found;
      if (this.process.exitCode !== null || this.process.signalCode !== null) {
        await this.ended;
        const last = this.said(event);
        if (last !== undefined) return last;
        throw new Error(`ended before "${event}": ${JSON.stringify(this.heard)}`);
      }
      await /** @type {Promise<void>} */ (new Promise((resolve) => this.#waiters.push(resolve)));
    }
  }

  release() {
    this.process.stdin?.write('release\n');
  }

  /** @param {NodeJS.Signals} signal */
  kill(signal) {
    this.process.kill(signal);
  }
}
