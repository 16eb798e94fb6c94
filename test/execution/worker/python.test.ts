// Real processes: exits, signals, time-outs, cancellation, floods, orphans.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isGroupAlive } from '../../../tools/host/process-identity.js';
import type { CellEvent } from '../../../tools/execution/records/events.js';
import type { PythonEnd, PythonRun } from '../../../tools/execution/worker/process.js';
import { runPython } from '../../../tools/execution/worker/python.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'validation-python-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

let lastPid = 0;
const events: CellEvent[] = [];

function bash(script: string, change: Partial<PythonRun> = {}): Promise<PythonEnd> {
  events.length = 0;
  return runPython({
    command: 'bash',
    args: ['-c', script],
    cwd: directory,
    env: {},
    log: join(directory, 'log.txt'),
    timeoutSeconds: 0,
    signal: new AbortController().signal,
    onStart: (pid) => {
      lastPid = pid;
    },
    onEvent: (event) => events.push(event),
    ...change,
  });
}

test('exit code, log and events', async () => {
  const end = await bash(`echo out; echo err >&2; printf '{"event":"part","name":"é"}\\n' >&3; exit 84`);
  expect(end).toEqual({ how: 'exit', exitCode: 84 });
  expect(readFileSync(join(directory, 'log.txt'), 'utf8')).toBe('out\nerr\n');
  expect(events).toEqual([{ event: 'part', name: 'é' }]);
});

test('arguments, directory and environment are passed as they are: no shell reads them', async () => {
  const nasty = [
    '; touch x',
    '$(touch x)',
    '`touch x`',
    "'",
    '"',
    'two\nlines',
    '*',
    '-rf',
    '',
    '  ',
    '\\',
    '& touch x &',
  ];
  const odd = join(directory, 'a b; touch x; \'"$(touch x)');
  mkdirSync(odd);
  const print = 'console.log(JSON.stringify([process.argv.slice(1), process.cwd(), process.env.ODD]))';
  const end = await bash('', {
    command: process.execPath,
    args: ['-e', print, '--', ...nasty],
    cwd: odd,
    env: { ODD: '$(touch x); touch x' },
  });
  expect(end).toEqual({ how: 'exit', exitCode: 0 });
  const said: unknown = JSON.parse(readFileSync(join(directory, 'log.txt'), 'utf8'));
  expect(said).toEqual([nasty, odd, '$(touch x); touch x']);
  expect([...readdirSync(directory), ...readdirSync(odd)]).not.toContain('x');
});

test('death by a signal is told apart', async () => {
  expect(await bash('kill -KILL $$')).toEqual({ how: 'signal', signal: 'SIGKILL' });
});

test('a time-out ends the whole group, also where it ignores SIGTERM', { timeout: 20_000 }, async () => {
  const end = await bash('trap "" TERM; sleep 60 & while true; do sleep 0.1; done', { timeoutSeconds: 0.3 });
  expect(end).toEqual({ how: 'timeout' });
  expect(isGroupAlive(lastPid)).toBe(false);
});

test('a time-out beyond what a timer can hold is none', async () => {
  expect(await bash('sleep 0.2', { timeoutSeconds: 9_999_999 })).toEqual({ how: 'exit', exitCode: 0 });
});

test('a worker that cannot be recorded does not run on', async () => {
  const failing = bash('sleep 60', {
    onStart: (pid) => {
      lastPid = pid;
      throw new Error('disk full');
    },
  });
  await expect(failing).rejects.toThrow('disk full');
  expect(isGroupAlive(lastPid)).toBe(false);
});

test('cancelling ends it; a SIGTERM death just before is the same thing', async () => {
  const abort = new AbortController();
  const running = bash('sleep 60', { signal: abort.signal });
  await sleep(100);
  process.kill(-lastPid, 'SIGTERM');
  await sleep(100);
  abort.abort();
  expect(await running).toEqual({ how: 'cancelled' });
});

test('children left behind go with it', async () => {
  await bash('sleep 60 & disown; exit 0');
  expect(isGroupAlive(lastPid)).toBe(false);
});

test('a flood of output passes by this process', { timeout: 180_000 }, async () => {
  const before = process.memoryUsage().rss;
  expect(await bash('head -c 1073741824 /dev/zero; exit 0')).toEqual({ how: 'exit', exitCode: 0 });
  expect(statSync(join(directory, 'log.txt')).size).toBe(1 << 30);
  expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000);
});

test('a command that is not there', async () => {
  expect(await bash('', { command: join(directory, 'none') })).toMatchObject({ how: 'unstartable' });
});
