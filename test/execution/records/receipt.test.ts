// Receipts and publishing: what counts as finished, and what never does.
import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CellPart } from '../../../tools/suite/model/cell.js';
import { publish } from '../../../tools/execution/cell/publish.js';
import { linkWeights } from '../../../tools/execution/store/link.js';
import {
  readReceipt,
  reasonToRun,
  writeReceipt,
  type Receipt,
} from '../../../tools/execution/records/receipt.js';

const PART: CellPart = {
  name: 'certify-1',
  spec: {},
  writes: [
    { file: 'outcome.json', path: 'output/s/outcome.json' },
    { file: 'cert.json', path: 'output/s/cert.json', optional: true },
  ],
  receipt: 'output/s/receipt.json',
};
const RECEIPT: Receipt = {
  schema: 1,
  cell: 's.m.v:certify-1',
  part: 'certify-1',
  fingerprint: 'f',
  versions: {},
  deviceClass: 'cpu',
  reads: {},
  results: {},
  recipe: null,
  startedAt: '2026-01-01T00:00:00.000Z',
  endedAt: '2026-01-01T00:00:01.000Z',
  waitSeconds: 0,
  runSeconds: 1,
  startSeconds: null,
  gpus: [],
  threads: 1,
  settings: {},
  gpuHeldSeconds: 0,
  peakGpuBytes: { torch: null, nvidiaSmi: null },
  peakRssBytes: null,
  bytesWritten: null,
  attempts: [],
};

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'validation-receipt-'));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function put(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}
const reason = (fingerprint = 'f'): Promise<string | undefined> =>
  reasonToRun(root, join(root, 'store'), PART, fingerprint);

async function finish(): Promise<void> {
  put('staging/outcome.json', '{}');
  const results = await publish(root, PART, join(root, 'staging'));
  writeReceipt(root, PART, { ...RECEIPT, results });
}

test('a receipt stands while fingerprint and results match', async () => {
  expect(await reason()).toBe('no receipt');
  await finish();
  expect(await reason()).toBeUndefined();
  expect(await reason('other')).toBe('its inputs, parameters, code or versions changed');
  put('output/s/outcome.json', '{ }');
  expect(await reason()).toBe('output/s/outcome.json was altered');
  rmSync(join(root, 'output/s/outcome.json'));
  expect(await reason()).toBe('output/s/outcome.json is gone');
});

test('a receipt from before the measures stands, and claims none', async () => {
  await finish();
  const { gpuHeldSeconds, peakGpuBytes, bytesWritten, ...older } = RECEIPT;
  expect([gpuHeldSeconds, bytesWritten]).toEqual([0, null]);
  put('output/s/receipt.json', JSON.stringify({ ...older, results: {} }));
  expect(await reason()).toBeUndefined();
  expect(readReceipt(join(root, 'output/s/receipt.json'))).toMatchObject({
    gpuHeldSeconds: null,
    peakGpuBytes,
    bytesWritten: null,
  });
});

test.each(['', '{', '[]', '{"schema": 2}'])('a file that is no receipt (%j) is none', async (text) => {
  put('output/s/receipt.json', text);
  expect(await reason()).toBe('no receipt');
});

test('weights that are not whole in the store are made again', async () => {
  const part = { ...PART, writes: [{ file: 'manifest.json', path: 'output/s/manifest.json' }] };
  const recipe = 'a'.repeat(64);
  const files = [{ path: 'model.safetensors', bytes: 3, sha256: '0' }];
  const manifest = JSON.stringify({ schema: 1, recipe, files, bytes: 3 });
  put('staging/manifest.json', manifest);
  const results = await publish(root, part, join(root, 'staging'));
  writeReceipt(root, part, { ...RECEIPT, results, recipe });
  const why = (): Promise<string | undefined> => reasonToRun(root, join(root, 'store'), part, 'f');
  expect(await why()).toContain('weights are missing');
  put(`store/${recipe}/model.safetensors`, 'ab');
  expect(await why()).toContain('weights are missing');
  put(`store/${recipe}/model.safetensors`, 'abc');
  expect(await why()).toContain('weights are missing');
  put(`store/${recipe}/manifest.json`, manifest);
  expect(await why()).toBeUndefined();
  // Where they may go once nothing waits for them, the receipt stands without them.
  rmSync(join(root, 'store'), { recursive: true });
  expect(await reasonToRun(root, join(root, 'store'), part, 'f', false)).toBeUndefined();
});

test('publishing replaces all or nothing, and takes an old certificate away', async () => {
  await finish();
  put('output/s/cert.json', 'of an earlier run');
  put('staging/outcome.json', '{"new": true}');
  await publish(root, PART, join(root, 'staging'));
  // The receipt of the replaced files is gone before the new one is written.
  expect(await reason()).toBe('no receipt');
  expect(() => readFileSync(join(root, 'output/s/cert.json'))).toThrow('ENOENT');
  await expect(publish(root, PART, join(root, 'staging'))).rejects.toThrow('left no outcome.json');
  expect(readFileSync(join(root, 'output/s/outcome.json'), 'utf8')).toBe('{"new": true}');
});

test('the link into the store is relative inside the workspace, and replaced in one step', () => {
  linkWeights(root, 'output/s/models/edit', join(root, '.weights/one'));
  linkWeights(root, 'output/s/models/edit', join(root, '.weights/two'));
  expect(readlinkSync(join(root, 'output/s/models/edit'))).toBe('../../../.weights/two');
  linkWeights(root, 'output/s/models/edit', '/elsewhere/three');
  expect(readlinkSync(join(root, 'output/s/models/edit'))).toBe('/elsewhere/three');
});
