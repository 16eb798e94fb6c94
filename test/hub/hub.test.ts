// The hub of the tests keeps to what clients were seen to ask, and does ill only where a rule says so.
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { start } from './hub.mjs';

let hub: Awaited<ReturnType<typeof start>>;
let sha: string;
const weights = safetensors({ a: ['BF16', [3, 4]], b: ['F32', [5]] });

beforeEach(async () => {
  hub = await start();
  sha = hub.commit('models', 'o/m', { 'config.json': '{}', 'model.safetensors': weights });
  hub.commit('datasets', 'Salesforce/wikitext', {
    'README.md': 'r',
    'w/test.parquet': 'p',
    'w/train.parquet': 'q',
  });
});
afterEach(() => hub.close());

const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(hub.url + path, { redirect: 'manual', ...init });
const told = async (path: string): Promise<unknown> => (await ask(path)).json();

describe('a repository', () => {
  test('is told with its commit, files and parameters', async () => {
    expect(await told('/api/models/o/m/revision/main?blobs=true')).toMatchObject({
      id: 'o/m',
      sha,
      gated: false,
      safetensors: { parameters: { BF16: 12, F32: 5 }, total: 17 },
      siblings: [
        { rfilename: 'config.json', size: 2 },
        { rfilename: 'model.safetensors', size: weights.length },
      ],
    });
    expect(await told(`/api/models/o/m/revision/${sha}`)).toMatchObject({ sha });
    expect((await ask('/api/models/o/m/revision/v9')).headers.get('x-error-code')).toBe('RevisionNotFound');
  });

  test('lists trees whole, by directory and by page', async () => {
    const many = Object.fromEntries(
      Array.from({ length: 150 }, (_, index) => [`many/${index}`, String(index)]),
    );
    hub.commit('datasets', 'o/d', many);
    const first = await ask('/api/datasets/o/d/tree/main?recursive=true');
    expect(await first.json()).toHaveLength(100);
    const next = /<([^>]*)>; rel="next"/.exec(first.headers.get('link') ?? '')?.[1] ?? '';
    expect(await (await fetch(next)).json()).toHaveLength(51);
    expect(await told('/api/datasets/o/d/tree/main')).toMatchObject([{ type: 'directory', path: 'many' }]);
    expect(await told('/api/datasets/Salesforce/wikitext/tree/main/w')).toMatchObject([
      { type: 'file', path: 'w/test.parquet', size: 1, lfs: { size: 1 } },
      { path: 'w/train.parquet' },
    ]);
    expect((await ask('/api/datasets/o/d/tree/main/none')).headers.get('x-error-code')).toBe('EntryNotFound');
  });

  test('tells of given paths alone', async () => {
    const body = new URLSearchParams([
      ['paths', 'w/test.parquet'],
      ['paths', 'w'],
      ['paths', 'none'],
    ]);
    const answer = await ask('/api/datasets/Salesforce/wikitext/paths-info/main', { method: 'POST', body });
    expect(await answer.json()).toMatchObject([{ path: 'w/test.parquet' }, { type: 'directory', path: 'w' }]);
  });

  test('moves on with a commit; what it was stays at its commit', async () => {
    const later = hub.commit('models', 'o/m', { 'config.json': '{"a":1}', 'model.safetensors': null });
    expect(hub.head('models', 'o/m')).toBe(later);
    expect(await (await ask('/o/m/resolve/main/config.json')).text()).toBe('{"a":1}');
    expect(await (await ask(`/o/m/resolve/${sha}/config.json`)).text()).toBe('{}');
    expect((await ask('/o/m/resolve/main/model.safetensors')).headers.get('x-error-code')).toBe(
      'EntryNotFound',
    );
    expect(await told('/api/models/o/m/refs')).toMatchObject({
      branches: [{ name: 'main', targetCommit: later }],
    });
  });

  test('of another kind or name is none, to a stranger and to a known one', async () => {
    expect((await ask('/api/datasets/o/m')).status).toBe(401);
    const known = await ask('/api/datasets/o/m', { headers: { authorization: 'Bearer t' } });
    expect([known.status, known.headers.get('x-error-code')]).toEqual([404, 'RepoNotFound']);
  });
});

describe('a file', () => {
  test('small comes at once, large from another host, with its digests', async () => {
    const small = await ask('/o/m/resolve/main/config.json', { method: 'HEAD' });
    expect(small.status).toBe(200);
    expect(small.headers.get('x-repo-commit')).toBe(sha);
    expect(small.headers.get('etag')).toBe('"9e26dfeeb6e641a33dae4961196235bdb965b21b"'); // git hash-object
    const large = await ask('/o/m/resolve/main/model.safetensors', { method: 'HEAD' });
    const digest = createHash('sha256').update(weights).digest('hex');
    expect(large.status).toBe(302);
    expect(large.headers.get('x-linked-etag')).toBe(`"${digest}"`);
    expect(large.headers.get('x-linked-size')).toBe(String(weights.length));
    expect(new URL(large.headers.get('location') ?? '').hostname).not.toBe(new URL(hub.url).hostname);
    expect(
      Buffer.from(await (await fetch(`${hub.url}/o/m/resolve/main/model.safetensors`)).arrayBuffer()),
    ).toEqual(weights);
  });

  test.each([
    ['bytes=0-0', 206, '{'],
    ['bytes=1-', 206, '}'],
    ['bytes=-1', 206, '}'],
    ['bytes=0-99', 206, '{}'],
    ['bytes=5-', 416, undefined],
  ])('comes in ranges: %s', async (range, status, text) => {
    const answer = await ask('/o/m/resolve/main/config.json', { headers: { range } });
    expect(answer.status).toBe(status);
    if (text !== undefined) expect(await answer.text()).toBe(text);
  });
});

describe('a rule', () => {
  test('gates files, not what is told of them', async () => {
    hub.rule({ repo: 'o/*', access: 'gated', allow: 'mine' });
    const status = async (path: string, token?: string): Promise<[number, string | null]> => {
      const answer = await ask(
        path,
        token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } },
      );
      return [answer.status, answer.headers.get('x-error-code')];
    };
    expect(await status('/api/models/o/m')).toEqual([200, null]);
    for (const path of ['/api/models/o/m/auth-check', '/o/m/resolve/main/config.json']) {
      expect(await status(path)).toEqual([401, 'GatedRepo']);
      expect(await status(path, 'other')).toEqual([403, 'GatedRepo']);
      expect(await status(path, 'mine')).toEqual([200, null]);
    }
    hub.rule({ repo: 'o/m', access: 'private', allow: 'mine' });
    expect(await status('/api/models/o/m')).toEqual([401, 'RepoNotFound']);
    expect(await status('/api/models/o/m', 'other')).toEqual([404, 'RepoNotFound']);
    expect(await status('/api/models/o/m', 'mine')).toEqual([200, null]);
  });

  test('redirects names, those of before there were namespaces always', async () => {
    hub.rule({ kind: 'models', repo: 'old/name', redirect: 'o/m' });
    for (const [from, to] of [
      [
        '/api/datasets/wikitext/tree/main/w?recursive=true',
        '/api/datasets/Salesforce/wikitext/tree/main/w?recursive=true',
      ],
      ['/datasets/wikitext/resolve/main/README.md', '/datasets/Salesforce/wikitext/resolve/main/README.md'],
      ['/old/name/resolve/main/config.json', '/o/m/resolve/main/config.json'],
    ] as const) {
      const answer = await ask(from);
      expect([answer.status, answer.headers.get('location')]).toEqual([307, to]);
    }
  });

  test('throttles or fails a number of times, and every request is counted', async () => {
    hub.rule({ repo: 'o/m', path: 'resolve/.*json', skip: 1, times: 2, status: 429, retryAfter: 3 });
    const seen = [];
    for (let each = 0; each < 4; each++) seen.push(await ask('/o/m/resolve/main/config.json'));
    expect(seen.map(({ status }) => status)).toEqual([200, 429, 429, 200]);
    expect(seen[1]?.headers.get('retry-after')).toBe('3');
    expect(
      hub.requests
        .filter(({ repo, file }) => repo === 'o/m' && file === 'config.json')
        .map(({ status }) => status),
    ).toEqual([200, 429, 429, 200]);
    hub.rule({ status: 503 });
    expect((await ask('/api/models/o/m')).status).toBe(503);
    hub.clearRules();
    expect((await ask('/api/models/o/m')).status).toBe(200);
  });

  test('breaks off before an answer, or within a file, and is slow', async () => {
    hub.rule({ repo: 'o/m', path: '/storage/', breakAfter: 10, times: 1 });
    const whole = async (): Promise<number> =>
      (await (await fetch(`${hub.url}/o/m/resolve/main/model.safetensors`)).arrayBuffer()).byteLength;
    await expect(whole()).rejects.toThrow();
    expect(await whole()).toBe(weights.length);
    hub.rule({ path: 'auth-check', breakAfter: 0 });
    await expect(ask('/api/models/o/m/auth-check')).rejects.toThrow();
    hub.rule({ path: 'refs', delayMs: 200 });
    const before = performance.now();
    await ask('/api/models/o/m/refs');
    expect(performance.now() - before).toBeGreaterThan(195);
  });

  test('can be given by another process', async () => {
    const post = (path: string, body: unknown): Promise<Response> =>
      ask(path, { method: 'POST', body: JSON.stringify(body) });
    await post('/_control/rules', [{ repo: 'o/m', status: 500 }]);
    expect((await ask('/api/models/o/m')).status).toBe(500);
    await ask('/_control/rules', { method: 'DELETE' });
    const { sha: later } = (await (
      await post('/_control/commit', { kind: 'models', id: 'o/new', changes: { a: 'b' } })
    ).json()) as { sha: string };
    expect(await told('/api/models/o/new')).toMatchObject({ sha: later });
    expect(await told('/_control/requests')).toMatchObject([{ status: 500 }, { repo: 'o/new', status: 200 }]);
  });
});

function safetensors(tensors: Record<string, [string, number[]]>): Buffer {
  const header = Buffer.from(
    JSON.stringify(
      Object.fromEntries(Object.entries(tensors).map(([name, [dtype, shape]]) => [name, { dtype, shape }])),
    ),
  );
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, Buffer.alloc(44)]);
}
