// Copies on a node's own disk, with real files and processes: made once and verified, shared, kept while in use, and gone
// for others when room is short.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sha256 } from '../../../tools/base/canonical.js';
import { parseManifest, weightsProblem } from '../../../tools/execution/records/manifest.js';
import { AlteredFile } from '../../../tools/execution/store/copy-verified.js';
import { stageWeights, type Stage, type Weights } from '../../../tools/execution/store/stage-weights.js';
import {
  leaving,
  removeCopies,
  stagedCopies,
  stagingArea,
  stagingProblem,
} from '../../../tools/execution/store/staged-copies.js';
import { isReferenced } from '../../../tools/execution/store/store-references.js';
import { DIST } from '../../support/repository.js';

const KIB = 1024;
let directory: string;
let store: string;
let root: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'validation-staging-'));
  store = join(directory, 'store');
  root = join(directory, 'own', 'disk');
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** An entry of the store with a file in a folder of its own, 100 KiB in all. */
function entry(letter: string): Weights {
  const recipe = letter.repeat(64);
  const files = ['config.json', 'more/model.safetensors'].map((path) => {
    const text = `${letter} ${path} `.padEnd(50 * KIB, letter);
    mkdirSync(join(store, recipe, 'more'), { recursive: true });
    writeFileSync(join(store, recipe, path), text, { mode: 0o444 });
    return { path, bytes: text.length, sha256: sha256(text) };
  });
  const text = JSON.stringify({ schema: 1, recipe, files, bytes: 100 * KIB });
  writeFileSync(join(store, recipe, 'manifest.json'), text, { mode: 0o444 });
  return { manifest: parseManifest(text), digest: sha256(text) };
}

/** Room for so many entries. */
function stage(entries: number, signal = new AbortController().signal): Stage {
  const manifests = 2 * KIB;
  return {
    area: {
      root,
      limitBytes: entries * (100 * KIB + manifests),
      disk: () => ({ freeBytes: 2 ** 30, totalBytes: 2 ** 30 }),
    },
    ...{ storageRoot: store, signal, log: () => undefined, onProgress: () => undefined },
  };
}

async function staged(stage: Stage, weights: Weights) {
  const copy = await stageWeights(stage, weights);
  if (!copy.ok) throw new Error(copy.error);
  return copy.value;
}
const there = (): string[] => stagedCopies(root).map(({ digest }) => digest);
const drafts = (): string[] => readdirSync(root).filter((name) => name.startsWith('.tmp-'));

test('weights are copied once: files of their own, whole, and taken again as they are', async () => {
  const weights = entry('a');
  const first = await staged(stage(1), weights);
  expect(first.copiedBytes).toBe(100 * KIB);
  // Python finds an entry of the store's name, with the manifest in it.
  expect(basename(first.path)).toBe(weights.manifest.recipe);
  for (const name of ['config.json', 'more/model.safetensors', 'manifest.json']) {
    const [own, stores] = [first.path, join(store, weights.manifest.recipe)].map((path) => join(path, name));
    expect(readFileSync(own ?? '')).toEqual(readFileSync(stores ?? ''));
    expect(statSync(own ?? '').ino).not.toBe(statSync(stores ?? '').ino);
    expect(statSync(own ?? '').mode & 0o777).toBe(0o444);
  }
  expect(await weightsProblem(join(root, weights.digest), weights.manifest, weights.digest)).toBeUndefined();
  expect(statSync(root).mode & 0o777).toBe(0o700);
  // Nothing is read anew: the store may be slow, or gone.
  rmSync(store, { recursive: true });
  const again = await staged(stage(1), weights);
  expect(again).toMatchObject({ path: first.path, copiedBytes: 0 });
  expect(drafts()).toEqual([]);
  for (const { release } of [first, again]) release();
  expect(isReferenced(root, weights.digest)).toBe(false);
});

test('other bytes in the store are told, and leave nothing; weights made again meanwhile are not copied', async () => {
  const weights = entry('a');
  const path = join(store, weights.manifest.recipe, 'more/model.safetensors');
  const text = readFileSync(path, 'utf8');
  const times = statSync(path);
  chmodSync(path, 0o644);
  writeFileSync(path, text.replace('aaaa', 'bbbb'));
  // As a disk does it: no size and no time shows it.
  utimesSync(path, times.atime, times.mtime);
  await expect(stageWeights(stage(1), weights)).rejects.toThrow(AlteredFile);
  await expect(stageWeights(stage(1), weights)).rejects.toThrow(path);
  expect([there(), drafts(), isReferenced(root, weights.digest)]).toEqual([[], [], false]);

  chmodSync(join(store, weights.manifest.recipe, 'manifest.json'), 0o644);
  writeFileSync(join(store, weights.manifest.recipe, 'manifest.json'), '{}');
  expect(await stageWeights(stage(1), weights)).toMatchObject({
    ok: false,
    error: expect.stringContaining('was made again') as string,
  });
});

test('the least recently used copy that nobody uses leaves for another', async () => {
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(entry) as [Weights, Weights, Weights, Weights];
  const [first, second] = [await staged(stage(2), a), await staged(stage(2), b)];
  // All in use: the third reads the store, and none has left for it.
  const refused = await stageWeights(stage(2), c);
  expect(refused).toMatchObject({
    ok: false,
    error: expect.stringMatching(/^no room in .*: it takes 100 KiB/) as string,
  });
  expect(there().sort()).toEqual([a.digest, b.digest].sort());
  first.release();
  second.release();
  const used = (weights: Weights, seconds: number): void => {
    utimesSync(join(root, weights.digest), new Date(), new Date(Date.now() - seconds * 1_000));
  };
  used(a, 60);
  used(b, 120);
  // Taken once more, so that the other one is the older.
  used(a, 300);
  (await staged(stage(2), a)).release();
  (await staged(stage(2), c)).release();
  expect(there().sort()).toEqual([a.digest, c.digest].sort());
  // One larger than all the room makes nobody leave.
  expect(await stageWeights(stage(0.5), d)).toMatchObject({ ok: false });
  expect(there()).toHaveLength(2);
  const kept = await staged(stage(2), c);
  await removeCopies(root);
  expect(there()).toEqual([c.digest]);
  kept.release();
});

test('a tenth of the disk stays free, whatever the limit', async () => {
  const weights = entry('a');
  const full = stage(100);
  const of = (freeBytes: number): Stage => ({
    ...full,
    area: { ...full.area, disk: () => ({ freeBytes, totalBytes: 1_000 * KIB }) },
  });
  expect(await stageWeights(of(199 * KIB), weights)).toMatchObject({ ok: false });
  expect(await stageWeights(of(200 * KIB), weights)).toMatchObject({ ok: true });
});

test('a copy that was altered is made anew, unless somebody uses it', async () => {
  const weights = entry('a');
  const first = await staged(stage(1), weights);
  const path = join(first.path, 'config.json');
  const text = readFileSync(path, 'utf8');
  chmodSync(path, 0o644);
  writeFileSync(path, text.replace('aaaa', 'bbbb'));
  utimesSync(path, new Date(), new Date(Date.now() + 60_000));
  expect(await stageWeights(stage(1), weights)).toMatchObject({
    ok: false,
    error: `a copy in use is altered (${path})`,
  });
  first.release();
  expect((await staged(stage(1), weights)).copiedBytes).toBe(100 * KIB);
  expect(readFileSync(path, 'utf8')).toBe(text);
});

test('a directory that others may write is not used', async () => {
  mkdirSync(root, { recursive: true });
  chmodSync(root, 0o755);
  await expect(stageWeights(stage(1), entry('a'))).rejects.toThrow(
    /^staging directory .* is open to other users .*\(storage\.staging\)/,
  );
});

describe('with other processes', () => {
  const child = (weights: Weights, onProgress: string) => {
    const script = `
      import { stageWeights } from ${JSON.stringify(join(DIST, 'execution/store/stage-weights.js'))};
      const area = { root: ${JSON.stringify(root)}, limitBytes: 1e9, disk: () => ({ freeBytes: 1e9, totalBytes: 1e9 }) };
      const stage = { area, storageRoot: ${JSON.stringify(store)}, signal: new AbortController().signal, log() {}, onProgress() { ${onProgress} } };
      const copy = await stageWeights(stage, ${JSON.stringify(weights)});
      console.log(copy.value.copiedBytes);`;
    return execa(process.execPath, ['--input-type=module', '-e', script], { reject: false, timeout: 30_000 });
  };

  test('cells that want one copy at a time share it', async () => {
    const weights = entry('a');
    const ended = await Promise.all([1, 2, 3].map(() => child(weights, '')));
    expect(ended.map(({ stdout }) => stdout).sort()).toEqual(['0', '0', String(100 * KIB)]);
    expect(drafts()).toEqual([]);
  });

  test('who waits for a copier may be cancelled; one that was killed is in nobody’s way', async () => {
    const weights = entry('a');
    // It stops while it copies its first file.
    const stuck = child(
      weights,
      `console.log('copying'); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 25_000);`,
    );
    await new Promise((resolve) => stuck.stdout.once('data', resolve));
    expect(drafts()).toHaveLength(1);
    expect(there()).toEqual([]);
    const seen: string[] = [];
    const waiting = stage(2, AbortSignal.timeout(2_500));
    await expect(stageWeights({ ...waiting, log: (line) => seen.push(line) }, weights)).rejects.toThrow(
      /aborted/,
    );
    expect(seen.join()).toMatch(/waiting for .* is held by process \d+, which copies the same weights/);
    // What it will take counts for others.
    expect(await stageWeights(stage(1.5), entry('b'))).toMatchObject({ ok: false });

    stuck.kill('SIGKILL');
    await stuck;
    expect((await staged(stage(1), weights)).copiedBytes).toBe(100 * KIB);
    expect(drafts()).toEqual([]);
  });
});

test('which leave, and whether that is enough', () => {
  const copy = (digest: string, bytes: number, usedMs: number) => ({ digest, bytes, usedMs });
  const idle = [copy('new', 10, 3), copy('old', 10, 1), copy('middle', 10, 2)];
  expect(leaving(idle, 5, 5)).toEqual([]);
  expect(leaving(idle, 5, 6)).toEqual(['old']);
  expect(leaving(idle, -5, 15)).toEqual(['old', 'middle']);
  expect(leaving(idle, 5, 36)).toBeUndefined();
});

test('on the disk of the weights store nothing is staged, which the doctor tells', () => {
  const settings = { storageRoot: store, storageStaging: directory, storageStagingGiB: 'auto' } as const;
  expect(stagingArea({ ...settings, storageStaging: null })).toBeUndefined();
  expect(stagingArea(settings)).toBeUndefined();
  expect(stagingProblem(settings)).toMatch(/is on the disk of the weights store/);
  const elsewhere = { ...settings, storageStaging: '/proc/nowhere' };
  expect(stagingArea(elsewhere)?.root).toMatch(/^\/proc\/nowhere\/validation-weights-/);
  expect(stagingProblem(elsewhere)).toMatch(/cannot be used/);
  expect(existsSync(root)).toBe(false);
});
