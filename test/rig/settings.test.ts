// Settings of the environment against real nx: identity variables stop a run, execution variables re-run nothing.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SITE_ROWS } from '../../tools/suite/settings/site-table.js';
import { OTHER_VALUES } from '../suite/other-values.js';
import { installNvidiaSmi } from '../support/rig/nvidia-smi.js';
import { Rig, SMALL_SUITE } from '../support/rig/workspace.js';

const UUIDS = ['aaaaaaaa', 'bbbbbbbb'].map((name) => `GPU-${name}-0000-0000-0000-000000000000`);

const ONE = ['run', 'rig.m.baseline:setup'];

test('a run is stopped before it starts, or not at all', { timeout: 120_000 }, async () => {
  await using rig = new Rig(SMALL_SUITE);
  await rig.generate();
  // Another tier than the cells were made with: nothing starts, cached or not.
  const other = await rig.nx(ONE, { INVARLOCK_TIER: 'conservative' });
  expect(other.exitCode).not.toBe(0);
  expect(other.output).toContain('INVARLOCK_TIER=conservative npx nx g ./tools:suite rig');
  const malformed = await rig.nx(ONE, { GPU_MIN_FREE_GB: 'much' });
  expect(malformed.exitCode).not.toBe(0);
  expect(malformed.output).toContain('environment variable GPU_MIN_FREE_GB: "much" is not allowed');
  const fromNothing = await rig.nx(ONE, { RESUME_MODE: 'false' });
  expect(fromNothing.exitCode).not.toBe(0);
  expect(fromNothing.output).toContain('RESUME_MODE=false npx nx run rig.m.baseline:setup --skip-nx-cache');
  expect(rig.takeStarted()).toEqual([]);

  expect((await rig.nx(ONE)).exitCode).toBe(0);
  expect(rig.takeStarted()).toEqual(['rig.m.baseline:setup']);
  // Execution settings, and an identity variable that says what is so anyway, change no hash.
  const again = await rig.nx(ONE, {
    GPU_MIN_FREE_GB: '1',
    TASK_TIMEOUT_SETUP: '99',
    EVAL_OVERHEAD_GB: '1',
    VALIDATION_STRATEGY: 'critical_path',
    INVARLOCK_TIER: 'balanced',
  });
  expect(again.exitCode).toBe(0);
  expect(again.output).toMatch(/local cache|existing outputs match/);
  expect(rig.takeStarted()).toEqual([]);
  expect((await rig.nx([...ONE, '--skip-nx-cache'], { RESUME_MODE: 'false' })).exitCode).toBe(0);
  expect(rig.takeStarted()).toEqual(['rig.m.baseline:setup']);
});

/** Every execution setting with another value: variables (VALIDATION_LOCK_DIR among them), site.yaml for what has none. */
function otherSettings(rig: Rig): Record<string, string> {
  const inRig = { lockDirectory: 'locks', storageRoot: 'store', outputDirectory: 'published' };
  const values = { ...OTHER_VALUES, accelerator: 'cuda', ...mapped(inRig, (name) => join(rig.root, name)) };
  const site: Record<string, Record<string, unknown> | string> = {};
  const environment: Record<string, string> = {};
  for (const [name, { variable, key, type }] of SITE_ROWS) {
    // A run from nothing needs --skip-nx-cache beside it: above. Jobs need a Slurm: test/rig/slurm/engine.test.ts.
    if (name === 'resume' || name === 'engine') continue;
    if (variable !== null) environment[variable] = values[name];
    else {
      const [section = '', of = ''] = (key ?? '').split('.');
      if (of === '') site[section] = values[name];
      else site[section] = { ...(site[section] as object), [of]: type.fromText(values[name]) };
    }
  }
  rig.write('workspace-config/site.yaml', JSON.stringify(site));
  return environment;
}

function mapped<Key extends string>(of: Record<Key, string>, turn: (value: string) => string) {
  return Object.fromEntries(Object.entries<string>(of).map(([key, value]) => [key, turn(value)]));
}

test(
  'all execution settings changed at once re-run nothing, and reach the next cell',
  { timeout: 120_000 },
  async () => {
    await using rig = new Rig(SMALL_SUITE);
    const cell = 'rig.m.baseline:eval';
    const path = { PATH: installNvidiaSmi(rig, UUIDS), CUDA_VISIBLE_DEVICES: '0' };
    await rig.generate();
    rig.script({ [cell]: { environment: 'OMP_NUM_THREADS' } });
    expect((await rig.nx(['run', cell], path)).exitCode).toBe(0);
    expect(rig.takeStarted()).toEqual(['rig.m.baseline:eval', 'rig.m.baseline:setup']);

    const environment = { ...path, ...otherSettings(rig) };
    const again = await rig.nx(['run', cell], environment);
    expect(again.exitCode, again.output).toBe(0);
    expect(again.output).toMatch(/Cache: +[1-9]\d*\/\d+ hit/);
    expect(rig.takeStarted()).toEqual([]);
    // OUTPUT_DIR: the tree is published after the run, cached or not.
    expect(rig.exists('published/reports/final_verdict.json')).toBe(true);

    const forced = await rig.nx(['run', cell, '--skip-nx-cache'], environment);
    expect(forced.exitCode, forced.output).toBe(0);
    const runs = rig.takeRuns().filter((run) => run.what === 'start');
    expect(runs.at(-1)).toMatchObject({ cell, gpus: UUIDS[1] });
    const logs = 'output/rig/logs/m/baseline/eval/attempt-2';
    expect(JSON.parse(rig.read(`${logs}/job.json`))).toMatchObject({
      device: { type: 'cuda', gpus: 1, threads: 7 },
      site: {
        ...{ parallelize: false, memory_fraction: 0.5, shared: true },
        ...{ require_fp4_native: true, allow_network: false },
      },
    });
    expect(rig.read(`${logs}/log.txt`)).toContain('\n7\n');
    expect(rig.exists('store')).toBe(true);
    expect(rig.exists('locks')).toBe(true);
  },
);
