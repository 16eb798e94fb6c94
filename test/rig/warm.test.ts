// Cells as forks of warm hosts, with real nx: two runs and two workspaces at once, and a host that is killed meanwhile.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { identityOf } from '../../tools/host/process-identity.js';
import { until } from '../support/rig/warm-rig.js';
import { Rig, SMALL_SUITE } from '../support/rig/workspace.js';

test.runIf(process.platform === 'linux')(
  'two nx runs and another workspace share hosts and slots; a killed host costs no cell',
  { timeout: 240_000 },
  async () => {
    await using rig = new Rig(SMALL_SUITE);
    await using other = new Rig(SMALL_SUITE, { lockDirectory: rig.lockDirectory });
    for (const one of [rig, other]) {
      one.useWarmHost();
      await one.generate();
      one.script({ 'rig.m.baseline:calibrate-1': { sleepMs: 1_500 } });
    }
    const runs = [
      rig.nx(['run', 'rig:calibrate']),
      rig.nx(['run', 'rig:calibrate'], { NX_CACHE_DIRECTORY: join(rig.root, '.nx/second') }),
      other.nx(['run', 'rig:calibrate']),
    ];
    // While a cell runs.
    await until(() => rig.exists('ran.jsonl') && rig.read('ran.jsonl').includes('calibrate-1'));
    const [killed = 0] = rig.warmHosts();
    process.kill(killed, 'SIGKILL');
    for (const { exitCode, output } of await Promise.all(runs)) {
      expect(output).not.toContain('no warm Python host');
      expect(exitCode).toBe(0);
    }
    for (const one of [rig, other]) {
      const cells = ['calibrate-1', 'calibrate-2', 'preset', 'setup'];
      expect(one.takeStarted()).toEqual(cells.map((cell) => `rig.m.baseline:${cell}`));
      expect(one.warmHosts()).toHaveLength(1);
    }
    expect(rig.warmHosts()).not.toContain(killed);
  },
);

test.runIf(process.platform === 'linux')(
  'Ctrl-C ends the cell and leaves the host; a host that cannot start costs a line',
  { timeout: 120_000 },
  async () => {
    await using rig = new Rig(SMALL_SUITE);
    rig.useWarmHost();
    await rig.generate();
    rig.script({ 'rig.m.baseline:setup': { sleepMs: 60_000 } });
    const run = rig.start(['run', 'rig.m.baseline:setup']);
    await until(() => rig.exists('ran.jsonl'));
    const [{ pid } = { pid: 0 }] = rig.takeRuns();
    run.kill('SIGINT');
    await run;
    await until(() => identityOf(pid) === undefined, 10_000);
    const hosts = rig.warmHosts();
    expect(hosts).toHaveLength(1);
    rig.script({});
    expect((await rig.nx(['run', 'rig.m.baseline:setup'])).exitCode).toBe(0);
    expect(rig.warmHosts()).toEqual(hosts);

    rig.edit('tools/python/validation/warm/__main__.py', (text) =>
      text.replace('    main()\n', '    raise SystemExit("broken")\n'),
    );
    const { exitCode, output } = await rig.nx(['run', 'rig.m.baseline:calibrate-1']);
    expect(output).toContain('no warm Python host (broken): the cell gets a process of its own');
    expect(exitCode).toBe(0);
  },
);
