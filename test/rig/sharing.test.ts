// Two clones and Nx's self-hosted cache between them: what one made, the other restores, and starts no Python.
import { expect, test } from 'vitest';
import { comparable } from '../support/rig/comparable.js';
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
  const verdict = (rig: Rig): unknown =>
    comparable(JSON.parse(rig.read('output/rig/reports/final_verdict.json')), rig.root);
  expect(verdict(second)).toEqual(verdict(first));
  // Weights and logs do not travel.
  expect(second.exists('.weights')).toBe(false);

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
