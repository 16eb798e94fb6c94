import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { logger } from '@nx/devkit';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { GIB } from '../../tools/base/units.js';
import suiteGenerator from '../../tools/generators/suite.js';
import syncGenerator from '../../tools/generators/sync.js';
import { readGeneratedSuite, type GeneratedCell } from '../../tools/suite/nx/generated.js';
import { Workspace } from './workspace.js';

const COMMIT = 'a'.repeat(40);
const FILES = [
  { rfilename: 'config.json', size: 1 },
  { rfilename: 'model-00001-of-00002.safetensors', size: 7_000 },
  { rfilename: 'model-00002-of-00002.safetensors', size: 3_000 },
  { rfilename: 'pytorch_model.bin', size: 99_000 },
  { rfilename: 'original/model.safetensors', size: 99_000 },
];
const asked: { url: string; token: string | undefined }[] = [];
let server: Server;
let hub: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    const url = request.url ?? '';
    asked.push({ url, token: request.headers.authorization });
    if (url.includes('gated')) response.statusCode = 403;
    if (url.includes('missing')) response.statusCode = 404;
    // Only a model whose files' sizes are asked for has them.
    const sizes = url.endsWith('?blobs=true') && !url.includes('m-7b');
    response.end(JSON.stringify({ sha: COMMIT, siblings: sizes ? FILES : [{ rfilename: 'config.json' }] }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  hub = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
});

const SUITE = `models:
  - {id: o/m-7b}
  - {id: o/gated-7b, revision: v1.0}
  - {id: o/missing-7b}
  - {id: o/fixed-7b, revision: ${'b'.repeat(40)}}
`;

test('revisions are resolved once, recorded, and stand where the cells read them', async () => {
  using workspace = new Workspace();
  workspace.write('suites/x/suite.yaml', SUITE);
  const generate = (environment: NodeJS.ProcessEnv, refresh = false): Promise<string[]> =>
    workspace.generate((tree) => suiteGenerator(tree, { name: 'x', refresh }, environment));
  await generate({ HF_ENDPOINT: hub, HF_TOKEN: 'secret' });
  expect(asked.map(({ url }) => url).sort()).toEqual([
    '/api/datasets/Salesforce/wikitext/revision/main',
    `/api/models/o/fixed-7b/revision/${'b'.repeat(40)}?blobs=true`,
    '/api/models/o/gated-7b/revision/v1.0?blobs=true',
    '/api/models/o/m-7b/revision/main?blobs=true',
    '/api/models/o/missing-7b/revision/main?blobs=true',
  ]);
  expect(asked[0]?.token).toBe('Bearer secret');
  const spec = (model: string): string => workspace.read(`suites/x/${model}/baseline/project.json`);
  expect(spec('m-7b')).toContain(`"revision": "${COMMIT}"`);
  expect(spec('gated-7b')).toContain('"revision": "v1.0"');
  expect(spec('fixed-7b')).toContain(`"revision": "${'b'.repeat(40)}"`);
  expect(workspace.read('suites/x/project.json')).toContain(`"o/m-7b@main": "${COMMIT}"`);
  expect(workspace.read('suites/x/project.json')).not.toContain('secret');

  // What is recorded is asked for no more, and holds offline and for nx sync.
  asked.length = 0;
  expect(await generate({ HF_ENDPOINT: hub, HF_HUB_OFFLINE: '1' })).toEqual([]);
  expect(await workspace.generate(syncGenerator)).toEqual([]);
  expect(asked).toEqual([]);
  await generate({ HF_ENDPOINT: hub }, true);
  expect(asked).toHaveLength(5);
});

test('the sizes of models at the hub or in their directories stand in the plan, and in no option that Nx hashes', async () => {
  using workspace = new Workspace();
  workspace.write('models/local/pytorch_model-00001-of-00001.bin', 'x'.repeat(5_000));
  workspace.write('models/local/tokenizer.json', 'x'.repeat(99_000));
  workspace.write(
    'suites/x/suite.yaml',
    `models: [{ id: o/large-7b }, { id: o/m-7b }, { path: ../../models/local, size_class: 70b }]\n`,
  );
  const generate = (environment: NodeJS.ProcessEnv): Promise<string[]> =>
    workspace.generate((tree) => suiteGenerator(tree, { name: 'x' }, environment));
  const cellsOf = (model: string): readonly GeneratedCell[] =>
    readGeneratedSuite(workspace.root, 'x')?.cells.filter((cell) => cell.model === model) ?? [];
  const sizes = (model: string): unknown[] => [...new Set(cellsOf(model).map(({ sourceGiB }) => sourceGiB))];
  await generate({ HF_ENDPOINT: hub });
  expect(sizes('large-7b')).toEqual([10_000 / GIB]);
  expect(sizes('local')).toEqual([5_000 / GIB]);
  // The hub tells none: planned by its name.
  expect(sizes('m-7b')).toEqual([undefined]);
  const project = JSON.parse(workspace.read('suites/x/large-7b/baseline/project.json')) as {
    targets: Record<string, { options: object; inputs: unknown }>;
  };
  for (const { options, inputs } of Object.values(project.targets)) {
    expect(JSON.stringify({ options, inputs })).not.toContain('sourceGiB');
  }

  // Recorded: neither nx sync nor a run without the hub loses it. Another commit may have another size.
  expect(await workspace.generate(syncGenerator)).toEqual([]);
  expect(await generate({ HF_HUB_OFFLINE: '1' })).toEqual([]);
});

test('a hub that cannot be reached leaves the revision as it is', async () => {
  using workspace = new Workspace();
  workspace.write('suites/x/suite.yaml', SUITE);
  await workspace.generate((tree) =>
    suiteGenerator(tree, { name: 'x' }, { HF_ENDPOINT: 'http://127.0.0.1:9' }),
  );
  expect(workspace.read('suites/x/m-7b/baseline/project.json')).toContain('"revision": "main"');
  expect(workspace.read('suites/x/project.json')).not.toContain('commits');
});

/** Answers for lm-eval: what the benchmarks read, or why it does not say. */
function installPython(workspace: Workspace, script: string): void {
  workspace.write(
    '.venv/bin/python',
    `#!/bin/sh\necho "$@" >> ${join(workspace.root, 'asked')}\n${script}\n`,
  );
  chmodSync(join(workspace.root, '.venv/bin/python'), 0o755);
}

const DATA_SUITE = `models: [{ name: m, facts: { architecture: llama } }]
benchmarks: [{ name: a, task: mmlu }, { name: b, task: hellaswag }]
`;

describe('data sets of benchmarks and windows', () => {
  const revisions = (workspace: Workspace): unknown => {
    const project = JSON.parse(workspace.read('suites/x/data/hub/project.json')) as {
      targets: { data: { options: { parts: { spec: { revisions: object } }[] } } };
    };
    return Object.assign(
      {},
      ...project.targets.data.options.parts.map(({ spec }) => spec.revisions),
    ) as unknown;
  };

  test('are those that lm-eval names, resolved once and recorded', async () => {
    using workspace = new Workspace();
    workspace.write('suites/x/suite.yaml', DATA_SUITE);
    installPython(
      workspace,
      `echo a line of a library; echo '{"hellaswag": ["o/missing"], "mmlu": ["cais/mmlu"]}'`,
    );
    const generate = (environment: NodeJS.ProcessEnv): Promise<string[]> =>
      workspace.generate((tree) => suiteGenerator(tree, { name: 'x' }, environment));
    asked.length = 0;
    await generate({ HF_ENDPOINT: hub });
    expect(workspace.read('asked')).toBe('-m validation.evaluation.task_datasets hellaswag mmlu\n');
    expect(asked.map(({ url }) => url).sort()).toEqual([
      '/api/datasets/Salesforce/wikitext/revision/main',
      '/api/datasets/cais/mmlu/revision/main',
      '/api/datasets/o/missing/revision/main',
    ]);
    // What the hub does not have is left to the cell, which says so.
    const pins = { 'Salesforce/wikitext': COMMIT, 'cais/mmlu': COMMIT };
    expect(revisions(workspace)).toEqual(pins);

    // Known ones are asked for no more; nx sync asks nobody at all.
    asked.length = 0;
    expect(await generate({ HF_ENDPOINT: hub, HF_HUB_OFFLINE: '1' })).toEqual([]);
    installPython(workspace, 'exit 1');
    expect(await workspace.generate(syncGenerator)).toEqual([]);
    expect(asked).toEqual([]);

    // Python that does not answer forgets nothing.
    expect(await generate({ HF_ENDPOINT: hub })).toEqual([]);
    expect(revisions(workspace)).toEqual(pins);

    // One that no task reads any more is forgotten.
    installPython(workspace, `echo '{"mmlu": []}'`);
    await generate({ HF_ENDPOINT: hub });
    expect(revisions(workspace)).toEqual({ 'Salesforce/wikitext': COMMIT });
  });

  test.each([
    ['no Python environment', undefined, 'npx nx run tools:python-env'],
    ['an unknown task', `echo "lm-eval has no task 'mmluu'" >&2; exit 1`, "lm-eval has no task 'mmluu'"],
    ['an answer that is none', 'echo nonsense', 'no answer of Python'],
  ])('are not pinned with %s, and it says so', async (_, script, words) => {
    using workspace = new Workspace();
    workspace.write('suites/x/suite.yaml', DATA_SUITE);
    if (script !== undefined) installPython(workspace, script);
    const warned = vi.spyOn(logger, 'warn').mockImplementation(() => undefined);
    try {
      await workspace.generate((tree) => suiteGenerator(tree, { name: 'x' }, { HF_ENDPOINT: hub }));
      expect(warned.mock.calls.flat().join('\n')).toContain(words);
    } finally {
      warned.mockRestore();
    }
    expect(revisions(workspace)).toEqual({ 'Salesforce/wikitext': COMMIT });
  });
});

test('a checkpoint of the hub is pinned as models are, and asked for once', async () => {
  using workspace = new Workspace();
  workspace.write(
    'suites/x/suite.yaml',
    'models: [{name: m, facts: {architecture: llama}}]\nedits: {clean: [{checkpoint: o/made, revision: v1}]}\n',
  );
  const generate = (): Promise<string[]> =>
    workspace.generate((tree) => suiteGenerator(tree, { name: 'x' }, { HF_ENDPOINT: hub }));
  const before = asked.length;
  await generate();
  const url = '/api/models/o/made/revision/v1?blobs=true';
  expect(asked.slice(before).filter((one) => one.url === url)).toHaveLength(1);
  const cells = readGeneratedSuite(workspace.root, 'x')?.cells ?? [];
  expect(cells.find(({ kind }) => kind === 'adopt')?.parts[0]?.spec).toEqual({
    type: 'checkpoint',
    source: { type: 'hub', id: 'o/made', revision: COMMIT },
  });
  const known = asked.length;
  expect(await generate()).toEqual([]);
  await workspace.generate((tree) => syncGenerator(tree));
  expect(asked.slice(known).filter((one) => one.url.includes('o/made'))).toEqual([]);
});
