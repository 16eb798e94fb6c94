// A model's size before it is here: what the store will have of it, in bf16, whatever its source stores it as.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { askHub } from '../../tools/generators/hub.js';
import { directoryBytes, storedBytes } from '../../tools/generators/sizes.js';

type Tensors = Record<string, [dtype: string, shape: number[]]>;

const root = mkdtempSync(join(tmpdir(), 'validation-sizes-'));
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function safetensors(tensors: Tensors, bytes: number): Buffer {
  const entries = Object.entries(tensors).map(([name, [dtype, shape]]) => [name, { dtype, shape }]);
  const header = Buffer.from(
    JSON.stringify({ __metadata__: { format: 'pt' }, ...Object.fromEntries(entries) }),
  );
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, Buffer.alloc(bytes)]);
}

function directory(files: Record<string, string | Buffer>): number | undefined {
  mkdirSync(join(root, 'm'), { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(root, 'm', name), content);
  return directoryBytes(root, 'm');
}

describe('of a directory', () => {
  test('by the headers of its safetensors: float32 is halved, over all shards; other dtypes stay', () => {
    const first = safetensors({ a: ['F32', [10, 30]], b: ['BF16', [7]] }, 1214);
    const second = safetensors({ c: ['F64', [5]], d: ['I64', [3]], e: ['F16', []] }, 66);
    const index = JSON.stringify({ weight_map: {} });
    expect(
      directory({
        ...{ 'model-00001-of-00002.safetensors': first, 'model-00002-of-00002.safetensors': second },
        ...{ 'model.safetensors.index.json': index, 'config.json': '{"torch_dtype": "float32"}' },
        'pytorch_model.bin': Buffer.alloc(9_000),
      }),
    ).toBe(2 * (300 + 7 + 5 + 1) + 8 * 3);
  });

  test('by its files, where a header cannot be read or a dtype is not known', () => {
    expect(directory({ 'model.safetensors': Buffer.alloc(3) })).toBe(3);
    const huge = Buffer.alloc(20, 255);
    expect(directory({ 'model.safetensors': huge })).toBe(20);
    const strange = safetensors({ a: ['F8_E8M0', [4]] }, 4);
    expect(directory({ 'model.safetensors': strange })).toBe(strange.length);
  });

  test.each<[config: string | undefined, bytes: number]>([
    ['{"torch_dtype": "float32"}', 500],
    ['{"dtype": "torch.float32"}', 500],
    ['{"text_config": {"torch_dtype": "float64"}}', 250],
    ['{"torch_dtype": "float16"}', 1000],
    ['{}', 1000],
    ['no JSON', 1000],
    [undefined, 1000],
  ])('of pickles by config.json: %s', (config, bytes) => {
    const shards = { 'pytorch_model-1.bin': Buffer.alloc(400), 'pytorch_model-2.bin': Buffer.alloc(600) };
    expect(directory(config === undefined ? shards : { ...shards, 'config.json': config })).toBe(bytes);
  });

  test('without weights there is none', () => {
    expect(directory({ 'config.json': '{"torch_dtype": "float32"}' })).toBeUndefined();
    expect(storedBytes({ sizes: new Map() })).toBeUndefined();
  });
});

test('of the hub: by what it tells of parameters; of pickles by config.json at that commit', async () => {
  const commit = 'c'.repeat(40);
  const gpt2 = [{ rfilename: 'model.safetensors', size: 548_105_171 }];
  const pickle = [{ rfilename: 'pytorch_model.bin', size: 1_000 }];
  const answers: Record<string, unknown> = {
    '/api/models/o/gpt2/revision/main?blobs=true': {
      ...{ sha: commit, siblings: gpt2 },
      safetensors: { parameters: { F32: 137_022_720 }, total: 137_022_720 },
    },
    '/api/models/o/told-nothing/revision/main?blobs=true': { sha: commit, siblings: gpt2 },
    '/api/models/o/pickle/revision/main?blobs=true': { sha: commit, siblings: pickle },
    [`/o/pickle/resolve/${commit}/config.json`]: { torch_dtype: 'float32' },
    '/api/models/o/pickle-alone/revision/main?blobs=true': { sha: commit, siblings: pickle },
  };
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const url = request.url ?? '';
    asked.push(`${url} ${request.headers.authorization ?? ''}`);
    if (answers[url] === undefined) response.statusCode = 404;
    response.end(JSON.stringify(answers[url] ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const HF_ENDPOINT = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const bytes = async (id: string): Promise<number | undefined> =>
    (await askHub('model', id, 'main', { HF_ENDPOINT, HF_TOKEN: 'secret' })).bytes;
  try {
    expect(await bytes('o/gpt2')).toBe(274_045_440);
    expect(await bytes('o/told-nothing')).toBe(548_105_171);
    expect(asked).toHaveLength(2);
    expect(await bytes('o/pickle')).toBe(500);
    expect(asked.at(-1)).toBe(`/o/pickle/resolve/${commit}/config.json Bearer secret`);
    expect(await bytes('o/pickle-alone')).toBe(1_000);
  } finally {
    server.close();
  }
});
