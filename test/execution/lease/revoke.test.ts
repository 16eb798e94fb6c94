// Ending a lease by hand, between real processes: whoever holds it, however deaf its worker, only then is it free.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { LeaseRequest } from '../../../tools/execution/lease/ticket.js';
import { revokeLease } from '../../../tools/execution/lease/revoke.js';
import { revocationText } from '../../../tools/execution/lease/directory/revocation.js';
import { deviceOf } from '../../../tools/host/host.js';
import {
  openLockDirectory,
  type LockDirectory,
} from '../../../tools/execution/lease/directory/lock-directory.js';
import { isGroupAlive } from '../../../tools/host/process-identity.js';
import { LEASE_VARIABLE } from '../../../tools/execution/lease/reap.js';
import { LIMITS, NEEDS, STANDING } from './builders.js';
import { leaseOf } from './lease-of.js';
import { DIST } from '../../support/repository.js';

let directory: LockDirectory;
beforeEach(() => {
  directory = openLockDirectory(mkdtempSync(join(tmpdir(), 'validation-revoke-')));
});
afterEach(() => {
  rmSync(directory.root, { recursive: true, force: true });
});

const request = (cell: string): LeaseRequest => ({
  key: cell,
  cell,
  workspace: '/w',
  standing: STANDING,
  needs: NEEDS,
  limits: { ...LIMITS, gpus: [], cpuSlots: 1, disk: { device: deviceOf(tmpdir()), minFreeBytes: 0 } },
  poolGiB: [],
  storageRoot: tmpdir(),
});
const never = new AbortController().signal;
const quiet = (): void => undefined;
const leases = (): string[] => readdirSync(directory.leases);

/** An executor in a process of its own, with a worker; it gives the lease back when the lease is revoked. */
async function executor(worker: string) {
  const script = `
    import { spawn } from 'node:child_process';
    import { acquireLease } from ${JSON.stringify(join(DIST, 'execution/lease/acquire.js'))};
    import { openLockDirectory } from ${JSON.stringify(join(DIST, 'execution/lease/directory/lock-directory.js'))};
    const directory = openLockDirectory(${JSON.stringify(directory.root)});
    const { value: lease } = await acquireLease(directory, ${JSON.stringify(request('held'))}, new AbortController().signal, () => {});
    const env = { ...process.env, ${LEASE_VARIABLE}: lease.record.id };
    const worker = spawn('sh', ['-c', ${JSON.stringify(worker)}], { detached: true, stdio: 'ignore', env });
    lease.setWorker(worker.pid);
    worker.once('exit', async () => {
      console.log(lease.revocationText());
      await lease.release();
      process.exit(0);
    });
    console.log([worker.pid, lease.record.id].join(' '));
    setInterval(() => {}, 1000);`;
  const child = execa(process.execPath, ['--input-type=module', '-e', script], { reject: false });
  const first = await new Promise<string>((resolve) =>
    child.stdout.once('data', (data) => {
      resolve(String(data));
    }),
  );
  const [pid, id = ''] = first.trim().split(' ');
  return { child, worker: Number(pid), id };
}

test('the executor is told who revoked it and gives it back', { timeout: 30_000 }, async () => {
  const { child, worker, id } = await executor('sleep 60');
  expect(await revokeLease(directory, id)).toBe('given back by its executor');
  expect(isGroupAlive(worker)).toBe(false);
  expect(leases()).toEqual([]);
  const { stdout, exitCode } = await child;
  expect(stdout).toMatch(new RegExp(`its lease was broken by .* \\(process ${process.pid}\\) at 20`));
  expect(exitCode).toBe(0);
  expect(readdirSync(directory.revocations)).toEqual([]);
});

test(
  'from a stopped executor it is taken once its processes are gone, and is not taken back',
  { timeout: 60_000 },
  async () => {
    // A worker deaf to SIGTERM, and a child of it that left its process group.
    const deaf = join(directory.root, 'deaf');
    const { child, worker, id } = await executor(
      `trap "" TERM; setsid sleep 61 & touch ${deaf}; while true; do sleep 0.1; done`,
    );
    await vi.waitFor(() => {
      expect(existsSync(deaf)).toBe(true);
    }, 10_000);
    child.kill('SIGSTOP');
    const ending = revokeLease(directory, id);
    await sleep(1_000);
    expect(isGroupAlive(worker)).toBe(true);
    expect(leases()).toEqual([`${id}.json`]);
    expect(await ending).toBe('taken from its executor');
    expect(isGroupAlive(worker)).toBe(false);
    const next = await leaseOf(directory, request('next'), never, quiet);
    child.kill('SIGCONT');
    await child;
    expect(leases()).toEqual([`${next.record.id}.json`]);
    await next.release();
  },
);

test(
  'nothing starts under a revoked lease, and its heartbeat does not restore it',
  { timeout: 30_000 },
  async () => {
    const held = await leaseOf(directory, request('held'), never, quiet);
    const { id } = held.record;
    // Its executor is this very process, which gives nothing back by itself: after a while it is taken.
    const ending = revokeLease(directory, id);
    await vi.waitFor(
      () => {
        expect(held.revoked.aborted).toBe(true);
      },
      { timeout: 10_000 },
    );
    expect(() => {
      held.setWorker(process.pid);
    }).toThrow('its lease was broken by');
    await held.release();
    expect(await ending).toBe('given back by its executor');
    expect(leases()).toEqual([]);
    expect(revocationText(directory, id)).toBeUndefined();
  },
);

test('the lease of a dead executor, and one whose file is damaged', { timeout: 30_000 }, async () => {
  const { child, worker, id } = await executor('sleep 60');
  child.kill('SIGKILL');
  await child;
  const path = join(directory.leases, `${id}.json`);
  expect(existsSync(path)).toBe(true);
  writeFileSync(path, readFileSync(path, 'utf8').slice(0, 40));
  expect(await revokeLease(directory, id)).toBe('taken from its executor');
  expect(isGroupAlive(worker)).toBe(false);
  expect(leases()).toEqual([]);
  expect(await revokeLease(directory, id)).toBe('already gone');
});

test('one that another container holds is left alone', async () => {
  const held = await leaseOf(directory, request('held'), never, quiet);
  const path = join(directory.leases, `${held.record.id}.json`);
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.replace(held.record.executor.pidNamespace, 'pid:[1]'));
  await expect(revokeLease(directory, held.record.id)).rejects.toThrow('Break it there.');
  writeFileSync(path, text);
  await held.release();
});
