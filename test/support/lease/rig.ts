// One lock directory, fake GPUs and real executor processes for a test; all of it gone afterwards.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  openLockDirectory,
  type LockDirectory,
} from '../../../tools/execution/lease/directory/lock-directory.js';
import { identityOf } from '../../../tools/host/process-identity.js';
import { readLeases, type LeaseRecord } from '../../../tools/execution/lease/directory/records.js';
import { Executor, requestOf } from './executors.mjs';
import { FakeGpus } from './fake-gpus.mjs';

export type ExecutorOptions = ConstructorParameters<typeof Executor>[2];
type RequestOptions = Parameters<typeof requestOf>[1];

export class LeaseRig implements AsyncDisposable {
  readonly directory: LockDirectory;
  readonly gpus: FakeGpus;
  readonly #executors: Executor[] = [];

  readonly #ownsRoot: boolean;

  constructor(gpus = 1, root?: string) {
    this.#ownsRoot = root === undefined;
    this.directory = openLockDirectory(root ?? mkdtempSync(join(tmpdir(), 'validation-lease-')));
    this.gpus = new FakeGpus(gpus);
  }

  get root(): string {
    return this.directory.root;
  }

  /** An executor whose cell wants a GPU of the rig, unless `needs` says otherwise. */
  start(cell: string, options: ExecutorOptions & { needs?: RequestOptions } = {}): Executor {
    const { needs, env, ...rest } = options;
    const request = requestOf(cell, { pool: this.gpus.uuids, gpuLocks: this.gpus.locks, ...needs });
    const executor = new Executor(this.root, request, { ...rest, env: { ...this.gpus.env, ...env } });
    this.#executors.push(executor);
    return executor;
  }

  /** One that was started and holds its lease. */
  async holder(cell: string, options: Parameters<LeaseRig['start']>[1] = {}): Promise<Executor> {
    const executor = this.start(cell, options);
    await executor.until(options.work === undefined ? 'granted' : 'working');
    return executor;
  }

  /** One that was started, found no GPU and waits. */
  async waiter(cell: string, options: Parameters<LeaseRig['start']>[1] = {}): Promise<Executor> {
    const executor = this.start(cell, options);
    const waits = (): boolean => executor.lines.some((line) => line.startsWith('waiting'));
    await until(
      () => waits() || executor.said('granted') !== undefined || executor.said('failed') !== undefined,
    );
    if (!waits()) throw new Error(`${cell} does not wait: ${JSON.stringify(executor.heard)}`);
    return executor;
  }

  leases(): LeaseRecord[] {
    return readLeases(this.directory).records;
  }

  lease(cell: string): LeaseRecord {
    const found = this.leases().find((lease) => lease.cell === cell);
    if (found === undefined) throw new Error(`no lease of ${cell}`);
    return found;
  }

  leasePath(cell: string): string {
    return join(this.directory.leases, `${this.lease(cell).id}.json`);
  }

  /** Process that is the ticker now, by what it wrote. */
  ticker(): number | undefined {
    const path = join(this.root, 'ticker.json');
    if (!existsSync(path)) return undefined;
    return (JSON.parse(readFileSync(path, 'utf8')) as { owner: { pid: number } }).owner.pid;
  }

  /** Names of everything that stands for somebody who waits or holds. */
  remains(): string[] {
    const { tickets, leases, gpus } = this.directory;
    return [tickets, leases, gpus].flatMap((folder) => readdirSync(folder));
  }

  /** End all executors as they should end, and see that nothing is left of them. */
  async settle(): Promise<void> {
    for (const executor of this.#executors) executor.kill('SIGCONT');
    for (const executor of this.#executors) executor.kill('SIGTERM');
    await Promise.all(this.#executors.map(({ ended }) => ended));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const executor of this.#executors) executor.kill('SIGKILL');
    await Promise.all(this.#executors.map(({ ended }) => ended));
    this.gpus.dispose();
    if (this.#ownsRoot) rmSync(this.root, { recursive: true, force: true });
  }
}

/** Waits until something holds; a busy machine only makes it slower. */
export async function until(what: () => boolean, timeoutMs = 60_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!what()) {
    if (performance.now() > deadline) throw new Error('waited in vain');
    await sleep(20);
  }
}

export const isRunning = (pid: number): boolean => identityOf(pid) !== undefined;
