// Two clones and Nx's self-hosted cache between them: what one made, the other restores, and starts no Python.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { comparable } from '../support/rig/comparable.js';
import { CacheServer } from '../support/rig/cache-server.js';
import { hostTools } from '../support/rig/host-tools.js';
import { Rig, SMALL_SUITE } from '../support/rig/workspace.js';

const CELLS = 15;

test('a second clone restores every cell and judges as the first; it may be let read only', async () => {
  await using cache = await CacheServer.start();
  await using first = new Rig(SMALL_SUITE);
  await first.generate();
  const made = await first.nx(['run-many', '-t', 'certify'], cache.env);
  expect(made.exitCode, made.output).toBe(0);
  expect(first.takeStarted()).toHaveLength(CELLS);
  expect(cache.kept.size).toBeGreaterThanOrEqual(CELLS);

  cache.readOnly = true;
  const { size } = cache.kept;
  await using second = new Rig(SMALL_SUITE);
  await second.generate();
  // Nothing there could make a Python environment, and nothing is to want one.
  rmSync(join(second.root, '.venv'), { recursive: true });
  const bare = { PATH: hostTools(second.root), XDG_CACHE_HOME: join(second.root, 'no-cache') };
  const restored = await second.nx(['run-many', '-t', 'certify'], { ...cache.env, ...bare });
  expect(restored.exitCode, restored.output).toBe(0);
  expect(second.takeStarted()).toEqual([]);
  expect(cache.given.length).toBeGreaterThanOrEqual(CELLS);
  expect(cache.kept.size).toBe(size);
  const verdict = (rig: Rig): unknown =>
    comparable(JSON.parse(rig.read('output/rig/reports/final_verdict.json')), rig.root);
  expect(verdict(second)).toEqual(verdict(first));
  // Weights and logs do not travel, and no Python was installed.
  expect(second.exists('.weights')).toBe(false);
  expect(second.exists('.venv')).toBe(false);

  // What a run would find is known before it, by `plan --cache`; a cell that the cache has not, and those behind it, run.
  await using fourth = new Rig(SMALL_SUITE);
  await fourth.generate();
  rmSync(join(fourth.root, '.venv'), { recursive: true });
  const unasked = await fourth.nx(['run', 'rig:plan'], { ...cache.env, ...bare });
  expect(unasked.output).toContain('rig: 15 cells: 0 finished, 15 to run, 0 blocked');
  expect(unasked.output).toContain('npx nx run rig:plan --cache');
  const asked = await fourth.nx(['run', 'rig:plan', '--cache'], { ...cache.env, ...bare });
  expect(asked.output).toContain(
    "rig: 15 cells: 0 finished, 15 restored from Nx's cache, 0 to run, 0 blocked",
  );
  expect(asked.output).toContain('nothing runs');
  fourth.edit('tools/python/validation/cells/certify.py', (text) => `${text}\n`);
  const changed = await fourth.nx(['run', 'rig:plan', '--cache'], cache.env);
  expect(changed.output).toMatch(/15 cells: \d+ finished, \d+ restored from Nx's cache, 3 to run, 0 blocked/);
  expect(fourth.takeStarted()).toEqual([]);

  // With a token that is none Nx stops before a cell starts, and says why.
  await using third = new Rig(SMALL_SUITE);
  await third.generate();
  const refused = await third.nx(['run', 'rig.m.baseline:setup'], {
    ...cache.env,
    NX_SELF_HOSTED_REMOTE_CACHE_ACCESS_TOKEN: 'wrong',
  });
  expect(refused.output).toContain('who are you?');
  expect(refused.exitCode).not.toBe(0);
  expect(third.takeStarted()).toEqual([]);
}, 600_000);
