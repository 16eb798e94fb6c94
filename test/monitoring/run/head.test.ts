// One nx a workspace at a time across hosts: who is refused, and which records count no more.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { identityOf, ownIdentity } from '../../../tools/host/process-identity.js';
import { becomeHead, HEADS } from '../../../tools/monitoring/run/head.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'validation-head-'));
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

const ELSEWHERE = { ...ownIdentity(), host: 'node-17', bootId: 'another', pid: 4_711 };
const MINUTE = 60_000;

function record(
  who: object,
  {
    job = null,
    ageMs = MINUTE,
    locks = '/locks',
  }: { job?: object | null; ageMs?: number; locks?: string } = {},
): string {
  const path = join(root, HEADS, 'other.json');
  mkdirSync(join(root, HEADS), { recursive: true });
  writeFileSync(path, JSON.stringify({ who, lockDirectory: locks, since: '2030-01-01T00:00:00Z', job }));
  const then = new Date(Date.now() - ageMs);
  utimesSync(path, then, then);
  return path;
}
const names = (): string[] => readdirSync(join(root, HEADS));

test('the first is the head, and so is a second one of this host with the same lock directory', async () => {
  expect(await becomeHead(root, '/locks')).toBeUndefined();
  expect(await becomeHead(root, '/locks')).toBeUndefined();
  expect(names()).toHaveLength(2);
  expect(await becomeHead(join(root, 'another-workspace'), '/other')).toBeUndefined();
});

test('a run of another host is named, and nothing of the refused one stays', async () => {
  record(ELSEWHERE, { job: { id: '7', restarts: 0 } });
  vi.stubEnv('PATH', '/nowhere');
  expect(await becomeHead(root, '/locks')).toBe(
    'nx on host node-17 (process 4711, Slurm job 7, since 2030-01-01T00:00:00Z, lock directory /locks) runs this workspace already, and the two cannot agree on who runs which cell. Wait for it or end it; if it is dead, remove output/.heads/other.json.',
  );
  expect(names()).toEqual(['other.json']);
});

test('so is a living one of this host with another lock directory, and a dead one counts for nothing', async () => {
  const other = spawn('sleep', ['600']);
  const who = identityOf(other.pid ?? 0);
  record(who ?? {});
  expect(await becomeHead(root, '/other')).toMatch(
    /^nx on host \S+ \(process \d+, since .* lock directory \/locks\)/,
  );
  const ended = new Promise((resolve) => other.once('exit', resolve));
  other.kill('SIGKILL');
  await ended;
  expect(await becomeHead(root, '/other')).toBeUndefined();
  expect(names()).toHaveLength(1);
});

test.each([
  ['one that was silent for long', { ageMs: 11 * MINUTE }, {}],
  ['this job, before Slurm began it anew', { job: { id: '7', restarts: 0 } }, { SLURM_RESTART_COUNT: '1' }],
])('out of sight, and it counts no more: %s', async (_, how, environment) => {
  const path = record(ELSEWHERE, how);
  vi.stubEnv('SLURM_JOB_ID', '7');
  vi.stubEnv('SLURMD_NODENAME', 'node1');
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  expect(await becomeHead(root, '/locks')).toBeUndefined();
  expect(names()).not.toContain(path.split('/').at(-1));
});

test('a step of the same job on another node is refused', async () => {
  record(ELSEWHERE, { job: { id: '7', restarts: 0 } });
  vi.stubEnv('SLURM_JOB_ID', '7');
  vi.stubEnv('SLURMD_NODENAME', 'node1');
  expect(await becomeHead(root, '/locks')).toContain('nx on host node-17');
});

test('a record that nobody can read stands in nobody’s way', async () => {
  mkdirSync(join(root, HEADS), { recursive: true });
  writeFileSync(join(root, HEADS, 'torn.json'), '{"who":');
  expect(await becomeHead(root, '/locks')).toBeUndefined();
});
