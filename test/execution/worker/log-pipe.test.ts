// The pipe between a worker's output and its log, with real processes at its other end.
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LogPipe } from '../../../tools/execution/worker/log-pipe.js';
import type { PythonEnd } from '../../../tools/execution/worker/process.js';
import { runPython } from '../../../tools/execution/worker/python.js';

const TOKEN = 'a-token-nobody-may-read';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'validation-pipe-'));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

const log = (): string => join(root, 'log.txt');

async function bash(script: string, onStart: (pipe: LogPipe) => void = () => undefined): Promise<PythonEnd> {
  const pipe = await LogPipe.open(join(root, 'log.pipe'), log(), [TOKEN]);
  const end = await runPython({
    command: 'bash',
    args: ['-c', script],
    cwd: root,
    env: { TOKEN },
    log: pipe.path,
    timeoutSeconds: 0,
    signal: new AbortController().signal,
    onStart: () => {
      onStart(pipe);
    },
    onEvent: () => undefined,
  });
  await pipe.end();
  await pipe.end();
  return end;
}

test('both outputs in their order, the last words of a process that dies, and no pipe is left', async () => {
  const script = 'echo out; echo err >&2; echo "said $TOKEN"; printf "no end: $TOKEN"; kill -KILL $$';
  const end = await bash(script, (pipe) => {
    pipe.unlink();
  });
  expect(end).toEqual({ how: 'signal', signal: 'SIGKILL' });
  const stars = '*'.repeat(TOKEN.length);
  expect(readFileSync(log(), 'utf8')).toBe(`out\nerr\nsaid ${stars}\nno end: ${stars}`);
  expect(existsSync(join(root, 'log.pipe'))).toBe(false);
});

test(
  'a flood of four times what a log holds neither fills the disk nor memory',
  { timeout: 180_000 },
  async () => {
    const before = process.memoryUsage().rss;
    expect(await bash('head -c 268435456 /dev/zero; echo; echo last')).toEqual({ how: 'exit', exitCode: 0 });
    const grown = process.memoryUsage().rss - before;
    expect(statSync(log()).size).toBeLessThanOrEqual(64 << 20);
    expect(readFileSync(log(), 'latin1').endsWith('\nlast\n')).toBe(true);
    expect(grown).toBeLessThan(150_000_000);
  },
);

test(
  'a process that left the group and keeps the pipe open holds up nothing',
  { timeout: 20_000 },
  async () => {
    const end = await bash(
      'setsid bash -c "echo \\$\\$ > pid; exec sleep 60" & until [ -s pid ]; do sleep 0.01; done; echo here; exit 3',
    );
    expect(end).toEqual({ how: 'exit', exitCode: 3 });
    expect(readFileSync(log(), 'utf8')).toBe('here\n');
    process.kill(Number(readFileSync(join(root, 'pid'), 'utf8')), 'SIGKILL');
  },
);

test('silence and output are told apart', async () => {
  const pipe = await LogPipe.open(join(root, 'log.pipe'), log(), []);
  expect(pipe.hasGrown()).toBe(false);
  await execa('bash', ['-c', `echo x > ${pipe.path}`]);
  await expect.poll(() => pipe.hasGrown()).toBe(true);
  expect(pipe.hasGrown()).toBe(false);
  await pipe.end();
});

test('a pipe that a killed executor left is replaced', async () => {
  writeFileSync(join(root, 'log.pipe'), '');
  await bash('echo again');
  expect(readFileSync(log(), 'utf8')).toBe('again\n');
});

test('where the file system makes no pipes, one elsewhere does, and is gone when it is over', async () => {
  const pipe = await LogPipe.open(join(root, 'none', 'log.pipe'), log(), [TOKEN]);
  expect(pipe.path.startsWith(tmpdir())).toBe(true);
  await execa('bash', ['-c', `echo "said ${TOKEN}" > ${pipe.path}`]);
  await pipe.end();
  expect(readFileSync(log(), 'utf8')).toBe(`said ${'*'.repeat(TOKEN.length)}\n`);
  expect(existsSync(pipe.path)).toBe(false);
});
