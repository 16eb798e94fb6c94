// Two clones and Nx's self-hosted cache between them: what one made, the other restores, and starts no Python.
import { expect, test } from 'vitest';
import { CacheServer } from '../support/rig/cache-server.js';
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
  const restored = await second.nx(['run-many', '-t', 'certify'], cache.env);
  expect(restored.exitCode, restored.output).toBe(0);
  expect(second.takeStarted()).toEqual([]);
  expect(cache.given.length).toBeGreaterThanOrEqual(CELLS);
  expect(cache.kept.size).toBe(size);
  const verdict = 'output/rig/analysis/final_verdict.json';
  const of = (rig: Rig): { verdict?: unknown } => JSON.parse(rig.read(verdict)) as { verdict?: unknown };
  expect(of(second).verdict).toEqual(of(first).verdict);
  // Weights and logs do not travel.
  expect(second.exists('.weights')).toBe(false);

  // And where it cannot be reached or lets nobody in, cells run as without it.
  await using third = new Rig(SMALL_SUITE);
  await third.generate();
  const alone = await third.nx(['run', 'rig.m.baseline:setup'], {
    ...cache.env,
    NX_SELF_HOSTED_REMOTE_CACHE_ACCESS_TOKEN: 'wrong',
  });
  console.log(alone.output.slice(-1_500));
  expect(third.takeStarted()).toEqual(['rig.m.baseline:setup']);
}, 600_000);
