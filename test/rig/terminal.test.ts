// What a terminal does to nx: Ctrl-C, which goes to every process of the run at once, and a reader that stops early (`| head`).
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { execa } from 'execa';
import { expect, test, vi } from 'vitest';
import { commandOf, processesOf } from '../support/rig/processes.js';
import { Rig, SMALL_SUITE } from '../support/rig/workspace.js';

const slow = { timeout: 120_000, interval: 50 };

test.runIf(process.platform === 'linux')(
  'Ctrl-C ends every process of a run, and says what is kept and how to go on',
  { timeout: 240_000 },
  async () => {
    await using rig = new Rig(SMALL_SUITE);
    rig.edit('workspace-config/site.yaml', (text) => text.replace('slots: auto', 'slots: 2'));
    await rig.generate();
    // Those that run take no notice of SIGTERM.
    rig.script({ '*': { sleepMs: 300_000, deaf: true }, 'rig.m.baseline:setup': {} });
    const { file, args, options } = rig.command(['run-many', '-t', 'certify']);
    // A session of its own, as a shell gives a job: the terminal signals all of its process group.
    const run = execa(file, args, { ...options, detached: true });
    try {
      await vi.waitFor(() => {
        const started = rig.ran().filter(({ what }) => what === 'start');
        expect(started.filter(({ cell }) => cell !== 'rig.m.baseline:setup')).not.toEqual([]);
      }, slow);
    } finally {
      process.kill(-(run.pid ?? 0), 'SIGINT');
    }
    const { exitCode, all } = await run;
    expect(exitCode).toBe(130);
    const told = 'stopped by SIGINT: finished cells are kept, and the same command goes on';
    expect(all.split('\n').filter((line) => line === told)).toHaveLength(1);
    expect(all).not.toMatch(/^ +at .*:\d+:\d+\)?$/m);
    // Workers are given a moment to end; nobody is left behind.
    await vi.waitFor(() => {
      expect(processesOf(rig).map((pid) => `${pid} ${commandOf(pid)}`)).toEqual([]);
    }, slow);
    const setup = rig.takeStarted().filter((cell) => cell.endsWith(':setup'));
    expect(setup).toHaveLength(1);

    rig.script({});
    const again = await rig.certify();
    expect(again.exitCode).toBe(0);
    expect(again.output).toContain('all 15 cells finished');
    // The run's own verdict is not made once more after it: that would find the report as it was.
    expect(again.output).toContain('output/rig/reports/report.html');
    expect(again.output).not.toContain('(as it was)');
    expect(rig.takeStarted()).not.toContain(setup[0]);
  },
);

test(
  'a reader that stops early ends no command badly, and sees no stack trace',
  { timeout: 180_000 },
  async () => {
    await using rig = new Rig(SMALL_SUITE);
    await rig.generate();
    const { file, args, options } = rig.command(['status', 'rig']);
    const command = [file, ...args].map((word) => `'${word}'`).join(' ');
    // The other is gone before the first word.
    for (const [reader, shown] of [
      ['head -1', /^.*\n$/],
      [':', /^$/],
    ] as const) {
      const { stdout, stderr } = await promisify(execFile)('bash', ['-c', `${command} | ${reader}`], {
        cwd: rig.root,
        env: { ...process.env, ...options.env },
      });
      expect(stdout).toMatch(shown);
      expect(stderr).toBe('');
    }
  },
);
