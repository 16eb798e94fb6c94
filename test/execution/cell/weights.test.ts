// The store as executors see it: what is wrong with an entry, who uses it, when it may go.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sha256 } from '../../../tools/base/canonical.js';
import { evictConsumed, waitingFor, weightsOfPlan } from '../../../tools/execution/store/consumers.js';
import { evictEntry, removeUnfinished } from '../../../tools/execution/store/evict-weights.js';
import { parseManifest, weightsProblem } from '../../../tools/execution/records/manifest.js';
import { addReferences, isReferenced } from '../../../tools/execution/store/store-references.js';
import { ownIdentity } from '../../../tools/host/process-identity.js';
import { isEvictable } from '../../../tools/suite/model/keep.js';
import type { PlannedCell } from '../../../tools/suite/plan/planned.js';

const RECIPE = 'c'.repeat(64);
const MANIFEST = JSON.stringify({
  schema: 1,
  recipe: RECIPE,
  files: [{ path: 'model.safetensors', bytes: 3, sha256: sha256('abc') }],
  bytes: 3,
});

let root: string;
let store: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'validation-weights-'));
  store = join(root, 'store');
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function put(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function makeEntry(): void {
  put(`store/${RECIPE}/model.safetensors`, 'abc');
  put(`store/${RECIPE}/manifest.json`, MANIFEST);
}
const problem = () => weightsProblem(store, parseManifest(MANIFEST), sha256(MANIFEST));
const touch = (path: string, seconds: number): void => {
  utimesSync(join(root, path), new Date(), new Date(Date.now() + seconds * 1000));
};

test('an entry is whole, missing, altered or another one', async () => {
  expect(await problem()).toMatchObject({ how: 'missing' });
  makeEntry();
  touch(`store/${RECIPE}/model.safetensors`, -60);
  expect(await problem()).toBeUndefined();
  put(`store/${RECIPE}/model.safetensors`, 'abd');
  touch(`store/${RECIPE}/model.safetensors`, 5);
  expect(await problem()).toMatchObject({ how: 'altered' });
  put(`store/${RECIPE}/model.safetensors`, 'abc');
  touch(`store/${RECIPE}/model.safetensors`, 5);
  expect(await problem()).toBeUndefined();
  put(`store/${RECIPE}/manifest.json`, `${MANIFEST} `);
  expect(await problem()).toMatchObject({ how: 'replaced' });
});

test.each(['/etc/passwd', '../other/x', 'a/../../b', 'a\\..\\b', ''])(
  'a manifest that names a file elsewhere (%j) is none',
  (path) => {
    const text = JSON.stringify({
      schema: 1,
      recipe: RECIPE,
      bytes: 1,
      files: [{ path, bytes: 1, sha256: '' }],
    });
    expect(() => parseManifest(text)).toThrow();
  },
);

test('weights in use are not evicted; a reference of a dead process counts for nothing', async () => {
  makeEntry();
  chmodSync(join(store, RECIPE), 0o555);
  const unpin = await addReferences(store, [RECIPE], () => true);
  expect(await evictEntry(store, RECIPE)).toBe('used');
  unpin?.();
  put(`store/.pins/${RECIPE}/1.json`, JSON.stringify({ ...ownIdentity(), startTime: 'long ago' }));
  put(`store/.pins/${RECIPE}/2.json`, '{"pi');
  expect(isReferenced(store, RECIPE)).toBe(false);
  expect(await evictEntry(store, RECIPE)).toBe('evicted');
  expect(await evictEntry(store, RECIPE)).toBe('none');
  expect(readdirSync(store)).toEqual(['.pins']);
  expect(await addReferences(store, [RECIPE], () => existsSync(join(store, RECIPE)))).toBeUndefined();
});

test.each([
  ['PID namespace', { pidNamespace: 'pid:[1]' }],
  ['time namespace', { timeNamespace: 'time:[1]' }],
  ['host', { host: 'elsewhere', bootId: 'another' }],
  ["system with this host's name", { bootId: 'another' }],
])('a holder of another %s cannot be seen: it lives while it gives signs', async (_, change) => {
  makeEntry();
  const reference = `store/.pins/${RECIPE}/1.json`;
  put(reference, JSON.stringify({ ...ownIdentity(), ...change }));
  expect(await evictEntry(store, RECIPE)).toBe('used');
  touch(reference, -25 * 3600);
  expect(await evictEntry(store, RECIPE)).toBe('evicted');
});

test('what dead processes left goes, what a living one makes stays', async () => {
  put(`store/.tmp-${RECIPE}-12-abcd/model.safetensors`, 'a');
  put('store/.tmp-evicted-abcd/model.safetensors', 'a');
  const unpin = await addReferences(store, [RECIPE], () => true);
  expect(await removeUnfinished(store)).toEqual(['.tmp-evicted-abcd']);
  unpin?.();
  expect(await removeUnfinished(store, true)).toEqual([`.tmp-${RECIPE}-12-abcd`]);
  expect(await removeUnfinished(store)).toEqual([`.tmp-${RECIPE}-12-abcd`]);
});

const cell = (id: string, change: Partial<PlannedCell>): PlannedCell => ({
  id,
  kind: 'eval',
  model: 'm',
  sizeClass: 'tiny',
  reads: [{ name: 'subject', path: 'out/e.manifest.json', as: 'weights' }],
  parts: [{ name: 'x', spec: {}, writes: [], receipt: `out/${id}.receipt.json` }],
  ...change,
});
const PLAN = [
  cell('s.m.e:edit', {
    kind: 'edit',
    reads: [],
    parts: [
      {
        name: 'e',
        spec: {},
        writes: [{ file: 'manifest.json', path: 'out/e.manifest.json' }],
        receipt: 'out/e.receipt.json',
        link: 'out/e',
      },
    ],
  }),
  cell('s.m.e:eval', {}),
  cell('s.m.e:certify-1', { kind: 'certify' }),
];

function finish(id: string, digest: string): void {
  const receipt = {
    schema: 1, cell: id, part: 'x', fingerprint: 'f', versions: {}, deviceClass: 'cpu', reads: { subject: digest },
    results: {}, recipe: null, startedAt: '', endedAt: '', waitSeconds: 0, runSeconds: 0, gpus: [], threads: 1,
    peakRssBytes: null, attempts: [],
  }; // prettier-ignore
  put(`out/${id}.receipt.json`, JSON.stringify(receipt));
}

test('weights go with the receipt of the last cell that reads them, and not before', async () => {
  makeEntry();
  put('out/e.manifest.json', MANIFEST);
  symlinkSync(join(store, RECIPE), join(root, 'out/e'));
  const said: string[] = [];
  const drop = () =>
    evictConsumed({ workspaceRoot: root, storageRoot: store }, PLAN, weightsOfPlan(PLAN), (line) =>
      said.push(line),
    );
  finish('s.m.e:eval', sha256(MANIFEST));
  // Of an earlier manifest: it has to run again, and will need them.
  finish('s.m.e:certify-1', 'older');
  expect(waitingFor(root, PLAN, 'out/e.manifest.json', sha256(MANIFEST))).toEqual(['s.m.e:certify-1']);
  await drop();
  expect(existsSync(join(store, RECIPE))).toBe(true);
  finish('s.m.e:certify-1', sha256(MANIFEST));
  await drop();
  expect(existsSync(join(store, RECIPE))).toBe(false);
  expect(readdirSync(join(root, 'out'))).not.toContain('e');
  expect(said).toEqual(['weights of s.m.e e are evicted (3 B): nothing waits for them']);
});

test('baselines go only where none is kept', () => {
  expect((['all', 'baselines', 'none'] as const).map((keep) => isEvictable(keep, 'setup'))).toEqual([
    false,
    false,
    true,
  ]);
  expect((['all', 'baselines', 'none'] as const).map((keep) => isEvictable(keep, 'edit'))).toEqual([
    false,
    true,
    true,
  ]);
});
