// Warm hosts with real processes: a fork is like a process of its own, and no death of anybody costs a job.
import { appendFileSync, chmodSync, cpSync, existsSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { identityOf, isGroupAlive } from '../../tools/host/process-identity.js';
import { hostName } from '../../tools/execution/worker/warm-host.js';
import { startPython } from '../../tools/execution/worker/start-python.js';
import { until, WarmRig } from '../support/rig/warm-rig.js';

const ROOT = join(import.meta.dirname, '..', '..');

describe('a job in a fork', () => {
  test('ends, logs and reports as in a process of its own', { timeout: 120_000 }, async () => {
    await using rig = new WarmRig();
    const names = ['succeed', 'fault', 'words', 'kill', 'segfault', 'interrupt', 'leave_late', 'memory'];
    for (const name of names) {
      const warm = await rig.warm([name]);
      const cold = await rig.cold([name]);
      expect(warm.end, name).toEqual(cold.end);
      expect(warm.events, name).toEqual(cold.events);
      // Of a traceback, the frames of the start differ.
      if (name !== 'interrupt') expect(warm.log, name).toBe(cold.log);
    }
    const crashed = await rig.warm(['crash']);
    expect(crashed.end).toEqual({ how: 'exit', exitCode: 1 });
    expect(crashed.log).toMatch(/^Traceback[\s\S]*ValueError: unexpected\n$/);
    expect(rig.hosts()).toHaveLength(1);
  });

  test('finds what a new process finds, whatever the job before did', { timeout: 60_000 }, async () => {
    await using rig = new WarmRig();
    const cold = await rig.cold(['state', 'with arguments']);
    // numpy adds to Python's filters of warnings when it is imported, here and there.
    const host = rig.host({ arguments: ['--preload', '[{"modules": ["json", "random"], "kinds": []}]'] });
    expect((await rig.warm(['pollute'], { host })).end).toEqual({ how: 'exit', exitCode: 0 });
    const warm = await rig.warm(['state', 'with arguments'], { host });
    const found = JSON.parse(warm.log) as { environment: Record<string, string> };
    expect(found).toEqual(JSON.parse(cold.log.replaceAll(/log-\d+/g, 'log-3')) as unknown);
    expect(found.environment.CELL_EVENTS_FD).toBe('3');
  });

  test('draws its own random numbers', { timeout: 60_000 }, async () => {
    await using rig = new WarmRig();
    const [one, two] = [await rig.warm(['draw']), await rig.warm(['draw'])].map(
      ({ log }) => JSON.parse(log) as number[],
    );
    expect(one).toHaveLength(2);
    for (const [index, number] of (one ?? []).entries()) expect(two?.[index]).not.toBe(number);
  });

  test('gets its environment, umask apart, from its executor', { timeout: 60_000 }, async () => {
    await using rig = new WarmRig();
    const env = { ...rig.env, CUDA_VISIBLE_DEVICES: 'GPU-1', OF_THIS_JOB: 'yes' };
    const { log } = await rig.warm(['state'], { env });
    const { environment } = JSON.parse(log) as { environment: Record<string, string> };
    expect(environment).toMatchObject({ CUDA_VISIBLE_DEVICES: 'GPU-1', OF_THIS_JOB: 'yes' });
    expect(environment).not.toHaveProperty('PYTORCH_NVML_BASED_CUDA_CHECK');
  });

  test('is ended by a time-out and by cancelling', { timeout: 60_000 }, async () => {
    await using rig = new WarmRig();
    const late = await rig.warm(['nap', '60'], { timeoutSeconds: 0.3 });
    expect(late.end).toEqual({ how: 'timeout' });
    expect(isGroupAlive(late.pid)).toBe(false);
    const abort = new AbortController();
    const cancelled = rig.warm(['nap', '60'], {
      signal: abort.signal,
      onStart: () => {
        abort.abort();
      },
    });
    expect((await cancelled).end).toEqual({ how: 'cancelled' });
    expect((await rig.warm(['succeed'])).end).toEqual({ how: 'exit', exitCode: 0 });
  });

  test('leaves no child of its own behind', { timeout: 60_000 }, async () => {
    await using rig = new WarmRig();
    const { end, log, pid } = await rig.warm(['fork']);
    expect(end).toEqual({ how: 'exit', exitCode: 0 });
    expect(log).toBe('left one\n');
    expect(isGroupAlive(pid)).toBe(false);
  });

  test('ends with its executor', { timeout: 60_000 }, async () => {
    await using rig = new WarmRig();
    await rig.warm(['nothing']);
    const host = rig.host();
    const socket = connect(join(host.directory, `${hostName(host)}.sock`));
    const lines = new Promise<string>((resolve) =>
      socket.once('data', (data) => {
        resolve(data.toString());
      }),
    );
    const env = { ...process.env, ...rig.env, CELL_EVENTS_FD: '3' };
    const job = {
      key: host.key,
      kind: 'x',
      args: ['-m', 'warm_jobs', 'nap', '60'],
      cwd: rig.root,
      env,
      umask: 18,
    };
    socket.write(`${JSON.stringify({ ...job, log: '/dev/null' })}\n`);
    const { pid } = JSON.parse((await lines).split('\n')[0] ?? '') as { pid: number };
    expect(identityOf(pid)).toBeDefined();
    // Unread events make such an end an error on the other side, not an end of file.
    socket.pause();
    await sleep(200);
    socket.destroy();
    await until(() => identityOf(pid) === undefined, 10_000);
    expect((await rig.warm(['succeed'])).end).toEqual({ how: 'exit', exitCode: 0 });
  });
});

describe('a host', () => {
  test('is one for many that ask at once, and serves them at once', { timeout: 60_000 }, async () => {
    await using rig = new WarmRig();
    const running = new Set<number>();
    let most = 0;
    const jobs = Array.from({ length: 12 }, async () => {
      const { end, pid } = await rig.warm(['nap', '0.5'], {
        onStart: (started) => {
          running.add(started);
          most = Math.max(most, running.size);
        },
      });
      running.delete(pid);
      return end;
    });
    for (const end of await Promise.all(jobs)) expect(end).toEqual({ how: 'exit', exitCode: 0 });
    expect(most).toBeGreaterThan(1);
    expect(rig.hosts()).toHaveLength(1);
  });

  test(
    'killed between jobs leaves a stale socket, and another takes its place',
    { timeout: 60_000 },
    async () => {
      await using rig = new WarmRig();
      await rig.warm(['nothing']);
      const [first = 0] = rig.hosts();
      process.kill(first, 'SIGKILL');
      await until(() => rig.hosts().length === 0);
      const host = rig.host();
      expect(existsSync(join(host.directory, `${hostName(host)}.sock`))).toBe(true);
      expect((await rig.warm(['succeed'])).end).toEqual({ how: 'exit', exitCode: 0 });
      expect(rig.hosts()).not.toContain(first);
    },
  );

  test.each(['SIGKILL', 'SIGTERM', 'SIGSTOP'] as const)(
    'that gets %s during a job costs nothing: the job goes on and tells its own end',
    { timeout: 60_000 },
    async (signal) => {
      await using rig = new WarmRig();
      let host = 0;
      const { end, events } = await rig.warm(['nap', '0.6'], {
        onStart: () => {
          [host = 0] = rig.hosts();
          process.kill(host, signal);
        },
      });
      expect(end).toEqual({ how: 'exit', exitCode: 0 });
      expect(events).toEqual([{ event: 'progress', message: 'sleeping' }]);
      if (signal === 'SIGSTOP') process.kill(host, 'SIGKILL');
      await until(() => !rig.hosts().includes(host));
      expect((await rig.warm(['succeed'])).end).toEqual({ how: 'exit', exitCode: 0 });
    },
  );

  test('killed together with a child: the child was killed', { timeout: 60_000 }, async () => {
    await using rig = new WarmRig();
    const { end } = await rig.warm(['nap', '60'], {
      onStart: (pid) => {
        for (const victim of [...rig.hosts(), pid]) process.kill(victim, 'SIGKILL');
      },
    });
    expect(end).toEqual({ how: 'signal', signal: 'SIGKILL' });
  });

  test('outlives its children, whatever ends them, and serves on', { timeout: 60_000 }, async () => {
    await using rig = new WarmRig();
    await rig.warm(['nothing']);
    const before = rig.hosts();
    for (const name of ['kill', 'segfault', 'memory', 'crash', 'fork', 'pollute']) await rig.warm([name]);
    expect((await rig.warm(['succeed'])).end).toEqual({ how: 'exit', exitCode: 0 });
    expect(rig.hosts()).toEqual(before);
  });

  test('does not grow over 500 jobs', { timeout: 240_000 }, async () => {
    await using rig = new WarmRig();
    for (let job = 0; job < 20; job += 1) await rig.warm(['nothing']);
    await until(() => rig.holdings().children === 0);
    const before = rig.holdings();
    expect(before.kilobytes).toBeGreaterThan(1_000);
    for (let round = 0; round < 120; round += 1) {
      const ends = await Promise.all(
        ['nothing', 'fault', 'nothing', 'kill'].map(async (name) => (await rig.warm([name])).end.how),
      );
      expect(ends).toEqual(['exit', 'exit', 'exit', 'signal']);
    }
    await until(() => rig.holdings().children === 0);
    const after = rig.holdings();
    expect(after.descriptors).toBeLessThanOrEqual(before.descriptors);
    expect(after.kilobytes - before.kilobytes).toBeLessThan(2_000);
  });

  test('ends when nobody wants it, and takes its socket along', { timeout: 60_000 }, async () => {
    await using rig = new WarmRig();
    const host = rig.host();
    const idle = { ...host, arguments: [...(host.arguments ?? []), '--idle', '0.5'] };
    await rig.warm(['nap', '1.5'], { host: idle });
    await until(() => rig.hosts().length === 0);
    expect(existsSync(join(host.directory, `${hostName(host)}.sock`))).toBe(false);
    expect(rig.hostLog()).toContain('ended: idle for');
  });

  test('ends once the sources are not those it imported', { timeout: 60_000 }, async () => {
    await using rig = new WarmRig();
    const copy = join(rig.root, 'python');
    cpSync(join(ROOT, 'tools/python/validation'), join(copy, 'validation'), { recursive: true });
    const env = { ...rig.env, PYTHONPATH: `${copy}:${join(ROOT, 'tools/python/tests/support')}` };
    const host = rig.host({ env });
    expect((await rig.warm(['succeed'], { host, env })).end).toEqual({ how: 'exit', exitCode: 0 });
    appendFileSync(join(copy, 'validation/cells/edit.py'), '# changed\n');
    await until(() => rig.hosts().length === 0);
    expect(rig.hostLog(host)).toContain('edit.py has changed');
    // Started for the sources as they were, it refuses to be what it is asked to be.
    const { end } = await rig.warm(['succeed'], { host, env });
    expect(end).toMatchObject({ how: 'no-host' });
    expect(rig.hostLog(host)).toContain('the sources changed while it started');
  });

  test('refuses what is not meant for it', { timeout: 60_000 }, async () => {
    await using rig = new WarmRig();
    await rig.warm(['nothing']);
    const host = rig.host();
    const path = join(host.directory, `${hostName(host)}.sock`);
    const ask = async (line: string): Promise<string> => {
      const socket = connect(path);
      socket.write(line);
      let said = '';
      for await (const chunk of socket) said += String(chunk);
      return said;
    };
    expect(await ask('{"key": "another"}\n')).toContain('not a request');
    expect(await ask('nonsense\n')).toContain('not a request');
    const job = {
      args: ['-m', 'warm_jobs', 'succeed'],
      cwd: '/',
      env: {},
      log: '/dev/null',
      umask: 0,
      kind: 'x',
    };
    expect(await ask(`${JSON.stringify({ ...job, key: 'another' })}\n`)).toContain('other sources');
    expect(await ask(`${JSON.stringify({ ...job, key: host.key, args: ['-c', 'x'] })}\n`)).toContain(
      'not -m',
    );
    expect((await rig.warm(['succeed'])).end).toEqual({ how: 'exit', exitCode: 0 });
  });

  test.runIf(process.getuid?.() === 0)('refuses another user', { timeout: 60_000 }, async () => {
    await using rig = new WarmRig();
    await rig.warm(['nothing']);
    const host = rig.host();
    const path = join(host.directory, `${hostName(host)}.sock`);
    const script = `import os, socket, sys
s = socket.socket(socket.AF_UNIX)
os.setuid(65534)
try:
    s.connect(sys.argv[1])
except PermissionError:
    print("closed")
else:
    print(s.recv(1000).decode())`;
    const asNobody = async () =>
      (await execa(host.command, ['-I', '-c', script, path], { reject: false })).stdout;
    expect(await asNobody()).toBe('closed');
    for (const [open, mode] of [
      [rig.root, 0o755],
      [host.directory, 0o755],
      [path, 0o666],
    ] as const)
      chmodSync(open, mode);
    expect(await asNobody()).toContain("another user's process");
  });

  test('whose imports fail, start threads or end it is none', { timeout: 120_000 }, async () => {
    await using rig = new WarmRig();
    const bad = (module: string, text: string) => {
      writeFileSync(join(rig.root, `${module}.py`), text);
      const env = { ...rig.env, PYTHONPATH: `${rig.env.PYTHONPATH ?? ''}:${rig.root}` };
      const preload = ['--preload', JSON.stringify([{ modules: [module], kinds: [] }])];
      return rig.host({ env, arguments: preload, key: module.padEnd(24, '0') });
    };
    const why = async (module: string, text: string) =>
      (await rig.warm(['succeed'], { host: bad(module, text) })).end;
    expect(await why('fails', 'raise ImportError("broken")')).toMatchObject({
      why: expect.stringContaining('an import failed') as string,
    });
    const threads =
      'import threading, time\nthreading.Thread(target=time.sleep, args=(3600,), daemon=True).start()';
    expect(await why('threads', threads)).toMatchObject({
      why: expect.stringContaining('started threads') as string,
    });
    expect(await why('exits', 'import os\nos._exit(3)')).toMatchObject({ how: 'no-host' });
    expect(rig.hostLog(rig.host({ key: 'fails'.padEnd(24, '0') }))).toContain('ImportError: broken');
  });
});

describe('the start of a cell', () => {
  const lines: string[] = [];
  const start = (rig: WarmRig, change = {}) => ({
    workspaceRoot: ROOT,
    warm: true,
    lockDirectory: rig.root,
    options: { kind: 'preset' as const, reads: [] },
    log: (line: string) => lines.push(line),
    ...change,
  });
  const run = (rig: WarmRig, change = {}) => ({
    command: join(ROOT, '.venv/bin/python'),
    args: ['-m', 'warm_jobs', 'succeed'],
    cwd: rig.root,
    env: rig.env,
    log: '/dev/null',
    timeoutSeconds: 0,
    signal: new AbortController().signal,
    onStart: () => undefined,
    onEvent: () => undefined,
    ...change,
  });

  test('without a host it gets a process of its own, and says so once', { timeout: 60_000 }, async () => {
    await using rig = new WarmRig();
    lines.length = 0;
    // Where the hosts' directory should be is a file.
    writeFileSync(join(rig.root, 'warm'), '');
    expect(await startPython(run(rig), start(rig))).toEqual({ how: 'exit', exitCode: 0 });
    expect(lines).toEqual([
      expect.stringMatching(/^no warm Python host \(.+\): the cell gets a process of its own$/),
    ]);
  });

  test('where the site says so it gets a process of its own at once', { timeout: 60_000 }, async () => {
    await using rig = new WarmRig();
    lines.length = 0;
    expect(await startPython(run(rig), start(rig, { warm: false }))).toEqual({ how: 'exit', exitCode: 0 });
    expect(lines).toEqual([]);
    expect(existsSync(join(rig.root, 'warm'))).toBe(false);
  });

  test('a Python that is not there is told as ever', { timeout: 60_000 }, async () => {
    await using rig = new WarmRig();
    const end = await startPython(run(rig, { command: join(rig.root, 'none') }), start(rig));
    expect(end).toMatchObject({ how: 'unstartable' });
  });
});
