// Leases between real processes: slots respected, the dead reclaimed, waiting cancelled.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { acquireLease } from '../../../tools/execution/lease/acquire.js';
import type { LeaseRequest } from '../../../tools/execution/lease/ticket.js';
import {
  openLockDirectory,
  type LockDirectory,
} from '../../../tools/execution/lease/directory/lock-directory.js';
import { deviceOf } from '../../../tools/host/host.js';
import { isGroupAlive } from '../../../tools/host/process-identity.js';
import { LIMITS, NEEDS, STANDING } from './builders.js';
import { leaseOf } from './lease-of.js';
import { DIST } from '../../support/repository.js';

let directory: LockDirectory;
beforeEach(() => {
  directory = openLockDirectory(mkdtempSync(join(tmpdir(), 'validation-lease-')));
});
afterEach(() => {
  rmSync(directory.root, { recursive: true, force: true });
});

const request = (cell: string, cpuSlots = 1): LeaseRequest => ({
  key: cell,
  cell,
  workspace: '/w',
  standing: STANDING,
  needs: { ...NEEDS, cpuSlots },
  limits: { ...LIMITS, gpus: [], cpuSlots: 2, disk: { device: deviceOf(tmpdir()), minFreeBytes: 0 } },
  poolGiB: [],
  storageRoot: tmpdir(),
});
const never = new AbortController().signal;
const quiet = (): void => undefined;
const leases = (): string[] => readdirSync(directory.leases);

test('the third waits until a slot is given back, and says for whom', async () => {
  const [first, second] = [
    await leaseOf(directory, request('a'), never, quiet),
    await leaseOf(directory, request('b'), never, quiet),
  ];
  const said: string[] = [];
  const third = leaseOf(directory, request('c'), never, (line) => said.push(line));
  await vi.waitFor(() => {
    expect(said).toEqual(['waiting: needs a CPU slot; held by a, b']);
  });
  await first.release();
  const granted = await third;
  expect(said.slice(1)).toEqual([expect.stringMatching(/^waited \d+ s: needs a CPU slot; held by a, b$/)]);
  expect(granted.record.cell).toBe('c');
  await Promise.all([second.release(), granted.release()]);
  expect(leases()).toEqual([]);
  expect(readdirSync(directory.tickets)).toEqual([]);
});

test('the same cell waits for the duplicate request that came first', async () => {
  const first = await leaseOf(directory, request('a'), never, quiet);
  const said: string[] = [];
  const duplicate = leaseOf(directory, request('a'), never, (line) => said.push(line));
  await vi.waitFor(() => {
    expect(said).toEqual([`waiting: another run (process ${process.pid}) has this cell`]);
  });
  await first.release();
  await (await duplicate).release();
});

test('waiting is cancelled without a trace', async () => {
  const first = await leaseOf(directory, request('a', 2), never, quiet);
  const abort = new AbortController();
  const waiting = acquireLease(directory, request('b'), abort.signal, quiet);
  await sleep(50);
  abort.abort();
  expect(await waiting).toMatchObject({ ok: false, error: { reason: 'cancelled' } });
  expect(readdirSync(directory.tickets)).toEqual([]);
  await first.release();
});

test(
  'a killed executor loses its lease only when its worker group is gone',
  { timeout: 30_000 },
  async () => {
    // An executor with a worker that ignores SIGTERM, both alive when SIGKILL hits the executor.
    const script = `
    import { spawn } from 'node:child_process';
    import { acquireLease } from ${JSON.stringify(join(DIST, 'execution/lease/acquire.js'))};
    import { openLockDirectory } from ${JSON.stringify(join(DIST, 'execution/lease/directory/lock-directory.js'))};
    const { value: lease } = await acquireLease(openLockDirectory(${JSON.stringify(directory.root)}), ${JSON.stringify(request('doomed', 2))}, new AbortController().signal, () => {});
    const worker = spawn('sh', ['-c', 'trap "" TERM; while true; do sleep 0.1; done'], { detached: true, stdio: 'ignore' });
    lease.setWorker(worker.pid);
    console.log(worker.pid);
    setInterval(() => {}, 1000);`;
    const executor = execa(process.execPath, ['--input-type=module', '-e', script], {
      reject: false,
      buffer: false,
    });
    const worker = Number(
      await new Promise<string>((resolve) =>
        executor.stdout.once('data', (data) => {
          resolve(String(data));
        }),
      ),
    );
    executor.kill('SIGKILL');
    await executor;
    const began = Date.now();
    const next = await leaseOf(directory, request('next', 2), never, quiet);
    // SIGTERM was ignored: five seconds of grace, then SIGKILL, and only then the slots.
    expect(Date.now() - began).toBeGreaterThan(4_000);
    expect(isGroupAlive(worker)).toBe(false);
    await next.release();
  },
);

test('a lease whose bell was never rung is found all the same', async () => {
  const first = await leaseOf(directory, request('a', 2), never, quiet);
  const waiting = leaseOf(directory, request('b', 2), never, quiet);
  await sleep(50);
  // As a granter leaves it that dies between writing the lease and the file beside the ticket.
  const [id = ''] = readdirSync(directory.tickets);
  const lease: unknown = { ...first.record, id, cell: 'b', key: 'b' };
  writeFileSync(join(directory.leases, `${id}.json`), JSON.stringify(lease));
  const second = await waiting;
  expect(second.record.cell).toBe('b');
  await first.release();
  await second.release();
});

test('what no host can give is refused at once', async () => {
  const wanted = { ...request('big'), needs: { ...NEEDS, gpus: 2, gibPerGpu: 70 } };
  expect(await acquireLease(directory, wanted, never, quiet)).toMatchObject({
    ok: false,
    error: {
      reason: 'impossible',
      message: expect.stringContaining('needs 2 GPUs of 70.0 GiB; the pool has 0') as string,
    },
  });
});
