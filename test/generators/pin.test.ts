import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import suiteGenerator from '../../tools/generators/suite.js';
import syncGenerator from '../../tools/generators/sync.js';
import { Workspace } from './workspace.js';

const COMMIT = 'a'.repeat(40);
const asked: { url: string; token: string | undefined }[] = [];
let server: Server;
let hub: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    const url = request.url ?? '';
    asked.push({ url, token: request.headers.authorization });
    if (url.includes('gated')) response.statusCode = 403;
    if (url.includes('missing')) response.statusCode = 404;
    response.end(JSON.stringify({ sha: COMMIT }));
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
    '/api/models/o/gated-7b/revision/v1.0',
    '/api/models/o/m-7b/revision/main',
    '/api/models/o/missing-7b/revision/main',
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
  expect(asked).toHaveLength(3);
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
