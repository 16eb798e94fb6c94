// How things end: nx after a failed cell, a cell whose warm host is stopped, a lease that cannot be given back.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { acquireLease } from '../../tools/execution/lease/acquire.js';
import { openLockDirectory } from '../../tools/execution/lease/directory/lock-directory.js';
import { hostName, stoppedHost } from '../../tools/execution/worker/warm-host.js';
import { isStopped } from '../../tools/host/process-identity.js';
import { requestOf } from '../support/lease/executors.mjs';
import { until, WarmRig } from '../support/rig/warm-rig.js';
import { Rig, SMALL_SUITE } from '../support/rig/workspace.js';

test(
  'a failed cell that has others skipped ends nx with 1, not with the 130 of Ctrl-C',
  { timeout: 180_000 },
  async () => {
    await using rig = new Rig(SMALL_SUITE);
    await rig.generate();
    rig.script({ 'rig.m.baseline:setup': { exit: 1, fault: 'bad_input', message: 'no' } });
    const { exitCode, output } = await rig.certify();
    expect(output).toContain('rig.m.baseline:setup failed (bad_input)');
    expect(exitCode).toBe(1);
  },
);

test.runIf(process.platform === 'linux')(
  'a stopped warm host is named within seconds, and runs no job once it goes on',
  { timeout: 120_000 },
  async () => {
    await using rig = new WarmRig();
    const first = await rig.warm(['state']);
    expect(first.end).toMatchObject({ how: 'exit' });
    const [host = 0] = rig.hosts();
    process.kill(host, 'SIGSTOP');
    const began = performance.now();
    const { end } = await rig.warm(['state']);
    expect(end).toEqual({
      how: 'no-host',
      why: `its process ${host} is stopped; kill -CONT ${host} lets it go on`,
    });
    // Two looks, a second apart; here the machine may be busy with anything.
    expect(performance.now() - began).toBeLessThan(30_000);
    expect(stoppedHost(rig.host())).toBe(host);
    process.kill(host, 'SIGCONT');
    expect((await rig.warm(['state'])).end).toMatchObject({ how: 'exit' });
  },
);

test.runIf(process.platform === 'linux')(
  'a stopped process that has the pid of a host that ended is not taken for it',
  { timeout: 120_000 },
  async () => {
    await using rig = new WarmRig();
    const host = rig.host();
    const other = spawn('sleep', ['600']);
    try {
      other.kill('SIGSTOP');
      await until(() => isStopped(other.pid ?? 0));
      expect(stoppedHost(host)).toBeUndefined();
      mkdirSync(host.directory);
      for (const text of [`${other.pid ?? 0}\n`, '', 'no number']) {
        writeFileSync(join(host.directory, `${hostName(host)}.pid`), text);
        expect(stoppedHost(host)).toBeUndefined();
      }
    } finally {
      other.kill('SIGKILL');
    }
  },
);

test('a lease that cannot be given back is told, and fails nobody', { timeout: 60_000 }, async () => {
  const root = mkdtempSync(join(tmpdir(), 'validation-lease-'));
  const said: string[] = [];
  const request = requestOf('cell', { gpus: 0 });
  const log = (line: string): unknown => said.push(line);
  const acquired = await acquireLease(openLockDirectory(root), request, new AbortController().signal, log);
  if (!acquired.ok) throw new Error(acquired.error.message);
  renameSync(root, `${root}-gone`);
  writeFileSync(root, 'in its place');
  await acquired.value.release({ seconds: 1 });
  expect(said.join('\n')).toContain('scheduler: ');
  expect(said.join('\n')).toContain('the lease stays until this process ends: ');
  rmSync(root);
  rmSync(`${root}-gone`, { recursive: true });
});
