// What receipts of this workspace tell of how long cells take: of the suite itself, and of another where it has nothing.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { GIB } from '../../../tools/base/units.js';
import { writeReceipt, type Receipt } from '../../../tools/execution/records/receipt.js';
import { readMeasured } from '../../../tools/monitoring/forecast/measured.js';
import { readGeneratedSuite, type GeneratedSuite } from '../../../tools/suite/nx/generated.js';
import type { CellKind } from '../../../tools/suite/model/cell.js';
import { projectFiles } from '../../../tools/suite/nx/project-json.js';
import { workOf } from '../../../tools/suite/plan/estimate.js';
import { parsed } from '../../suite/parse.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'measured-'));
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

const TEXT = `models: [{ name: small, facts: { architecture: llama } }, { name: large, facts: { architecture: llama } }]
edits: { clean: ['quant_rtn:8:128:ffn'], stress: [] }
errors: []`;

function put(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function suite(name: string): GeneratedSuite {
  const made = parsed(TEXT, {}, name);
  put(`suites/${name}/suite.yaml`, TEXT);
  for (const { path, text } of projectFiles(made)) put(path, text);
  for (const [model, bytes] of [
    ['small', GIB],
    ['large', 4 * GIB],
  ] as const) {
    const profile = { weights_bytes: bytes, hidden_size: 8, num_layers: 1, num_heads: 1, num_kv_heads: 1 };
    const sizes = { max_position_embeddings: 8, dtype_bytes: 2 };
    put(`output/${name}/models/${model}/baseline.profile.json`, JSON.stringify({ ...profile, ...sizes }));
  }
  const found = readGeneratedSuite(root, name);
  if (found === undefined) throw new Error('no projects');
  return found;
}

/** What a certificate's time goes with, of windows of a tiny model. */
function certificateOf(model: 'small' | 'large'): number {
  const gib = { small: 1, large: 4 }[model];
  const spec = { invarlock: { preview: 360, final: 360, seq_len: 128 } };
  const part = { name: '', spec, writes: [], receipt: '' };
  const size = { storedGiB: gib, activeGiB: gib, layers: 1 };
  return workOf({ kind: 'certify', parts: [part] }, size, false);
}

/** The first certificate of the model took so long. */
function certified(suite: GeneratedSuite, model: string, of: Partial<Receipt>): void {
  ran(suite, model, 'certify', of);
}

function ran({ cells }: GeneratedSuite, model: string, kind: CellKind, of: Partial<Receipt>): void {
  const part = cells.find((cell) => cell.model === model && cell.kind === kind)?.parts[0];
  if (part === undefined) throw new Error(`no ${kind}`);
  writeReceipt(root, part, {
    ...{ schema: 1, cell: '', part: part.name, fingerprint: '', versions: {}, deviceClass: 'sm90' },
    ...{ reads: {}, results: {}, recipe: null, startedAt: '', endedAt: '', waitSeconds: 0, runSeconds: 0 },
    ...{ startSeconds: null, gpus: [], threads: 1, settings: {}, gpuHeldSeconds: null },
    ...{
      peakGpuBytes: { torch: null, nvidiaSmi: null },
      peakRssBytes: null,
      bytesWritten: null,
      attempts: [],
    },
    ...of,
  });
}

test('a model of the suite tells of its others, by the sizes in their profiles', () => {
  const own = suite('own');
  certified(own, 'small', { runSeconds: 30, startSeconds: 10 });
  expect(readMeasured(root, { ...own, deviceClass: 'sm90' })).toEqual({
    seconds: { 'small/certify': 30 },
    rates: { certify: [{ work: certificateOf('small'), seconds: 30, startSeconds: 10 }] },
  });
});

test('receipts of another device tell nothing', () => {
  const own = suite('own');
  certified(own, 'small', { runSeconds: 30 });
  expect(readMeasured(root, { ...own, deviceClass: 'cpu' })).toEqual({ seconds: {}, rates: {} });
});

test('cells that never use a GPU tell on a host with GPUs too', () => {
  const own = suite('own');
  ran(own, 'small', 'setup', { runSeconds: 30, startSeconds: 10, deviceClass: 'cpu' });
  const rates = { setup: [{ work: 1, seconds: 30, startSeconds: 10 }] };
  expect(readMeasured(root, { ...own, deviceClass: 'sm90' })).toEqual({
    seconds: { 'small/setup': 30 },
    rates,
  });
  // Of a host that is not here nothing is known.
  expect(readMeasured(root, { ...own, deviceClass: '' }).seconds).toEqual({});
});

test('another suite stands in for kinds that this one has not run, and for no others', () => {
  const [own, other] = [suite('own'), suite('other')];
  certified(other, 'large', { runSeconds: 99 });
  const of = { ...own, deviceClass: 'sm90' };
  const rate = { work: certificateOf('large'), seconds: 99, startSeconds: 0 };
  expect(readMeasured(root, of)).toEqual({ seconds: {}, rates: { certify: [rate] } });
  certified(own, 'small', { runSeconds: 30 });
  expect(readMeasured(root, of).rates.certify).toEqual([
    { work: certificateOf('small'), seconds: 30, startSeconds: 0 },
  ]);
  // No suite any more.
  put('output/gone/models/x/receipt.json', '{}');
  put('suites/other/project.json', 'torn');
  expect(readMeasured(root, of).rates.certify).toHaveLength(1);
});
