// The live page: who may read it and what, by raw requests; what it shows and that it updates itself, in Chromium.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { livePage } from '../../../tools/monitoring/watch/page.js';
import { serve, type Served } from '../../../tools/monitoring/watch/serve.js';
import { progressOf, type Snapshot } from '../../../tools/monitoring/watch/snapshot.js';
import { STYLE } from '../../../tools/results/report/style.js';
import { FETCH_TIMEOUT_MS, openChromium } from '../../support/browser/chromium.js';
import { REPOSITORY } from '../../support/repository.js';

const EVIL = '<img src=x onerror="window.evil = 1">';
const COUNTS = {
  total: 9,
  done: 2,
  cached: 1,
  running: 1,
  waiting: 1,
  failed: 1,
  blocked: 1,
  outdated: 0,
  not_started: 2,
};

function snapshot(more: Partial<Snapshot['status']> = {}): Snapshot {
  const counts = more.cells ?? COUNTS;
  const holder = {
    ...{ lease: 'l', workspace: '/w', elapsedSeconds: 3725, reservedGiB: 1, usedGiB: 2, executorPid: 1 },
    ...{ workerPid: 2, attempt: 2, concerns: ['no sign of life'], cell: 'smoke.m.baseline:eval' },
  };
  return {
    status: {
      ...{
        schema: 1,
        suite: 'smoke',
        workspace: '/w',
        at: '2026-01-02T03:04:05.678Z',
        cells: COUNTS,
        models: {},
      },
      gpus: [
        { name: 'GPU 0', index: 0, uuid: 'u', totalGiB: 80, usedGiB: 61.04, holders: [holder], closed: null },
        {
          name: 'GPU 1',
          index: 1,
          uuid: 'v',
          totalGiB: 80,
          usedGiB: 1,
          holders: [],
          closed: 'somebody computes',
        },
      ],
      cpu: { slots: 4, free: 4, holders: [] },
      jobs: [],
      waiting: [
        { cell: 'smoke.m.v:edit', workspace: '/other', reason: 'needs 2 GPUs, 1 free', waitedSeconds: 40 },
      ],
      failed: [{ cell: 'smoke.m.x:inject', why: EVIL }],
      timeLeft: { seconds: 7200, cells: 5, estimated: 2 },
      warnings: ['nvidia-smi is slow'],
      ...more,
    },
    progress: progressOf({ cells: counts }),
    faults: [
      {
        at: '2026-01-02T03:00:00Z',
        cell: 'smoke.m.x:inject',
        code: 'broken',
        message: `${EVIL}\nmore`,
        again: false,
      },
    ],
    reportAt: '2026-01-02T02:00:00.000Z',
  };
}

let root: string;
let served: Served;
let current = snapshot();
let browser: Browser;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'validation-watch-'));
  mkdirSync(join(root, 'tree/reports'), { recursive: true });
  mkdirSync(join(root, 'tree/logs'));
  writeFileSync(
    join(root, 'tree/reports/report.html'),
    '<!doctype html><title>the report</title><a href="../logs/log.txt">log</a>',
  );
  writeFileSync(join(root, 'tree/logs/log.txt'), '<script>window.evil = 1</script>');
  writeFileSync(join(root, 'outside.txt'), 'not for readers');
  symlinkSync(join(root, 'outside.txt'), join(root, 'tree/link.txt'));
  symlinkSync(root, join(root, 'tree/weights'));
  served = await serve({
    ...{ page: livePage('smoke', STYLE), snapshot: () => Promise.resolve(JSON.stringify(current)) },
    ...{ directory: join(root, 'tree'), port: 0 },
  });
  browser = await openChromium();
}, FETCH_TIMEOUT_MS);
afterAll(async () => {
  await (browser as Browser | undefined)?.close();
  await (served as Served | undefined)?.close();
  rmSync(root, { recursive: true, force: true });
});

interface Answer {
  status: number;
  type: string;
  body: string;
}

/** As it is written: a client would tidy the path. */
function ask(
  path: string,
  { method = 'GET', host }: { method?: string; host?: string } = {},
): Promise<Answer> {
  const { port, pathname } = new URL(served.url);
  return new Promise((answered, failed) => {
    const asked = request(
      {
        host: '127.0.0.1',
        port,
        method,
        path: path.replace('TOKEN/', pathname.slice(1)),
        headers: host === undefined ? {} : { host },
      },
      (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.on('end', () => {
          answered({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', body });
        });
      },
    );
    asked.on('error', failed).end();
  });
}

describe('the server', { timeout: 60_000 }, () => {
  test.each([
    ['/TOKEN/', 200, 'text/html', 'smoke: live'],
    ['/TOKEN/status.json', 200, 'application/json', '"suite":"smoke"'],
    ['/TOKEN/files/reports/report.html', 200, 'text/html', 'the report'],
    ['/TOKEN/files/logs/log.txt?x=1', 200, 'text/plain', '<script>'],
    ['/', 404, 'text/plain', 'token'],
    ['/status.json', 404, 'text/plain', 'token'],
    [`/${'0'.repeat(32)}/status.json`, 404, 'text/plain', 'token'],
    ['/TOKEN/files/nothing.txt', 404, 'text/plain', 'no such file'],
    ['/TOKEN/files/logs', 404, 'text/plain', 'no such file'],
    ['/TOKEN/files/../outside.txt', 404, 'text/plain', 'no such file'],
    ['/TOKEN/files/%2e%2e/outside.txt', 404, 'text/plain', 'no such file'],
    ['/TOKEN/files/..%2foutside.txt', 404, 'text/plain', 'no such file'],
    ['/TOKEN/files//etc/passwd', 404, 'text/plain', 'no such file'],
    ['/TOKEN/files/link.txt', 404, 'text/plain', 'no such file'],
    ['/TOKEN/files/weights/outside.txt', 404, 'text/plain', 'no such file'],
    ['/TOKEN/files/%00', 404, 'text/plain', 'no such file'],
    ['/TOKEN/%zz', 404, 'text/plain', 'no such file'],
  ])('%s: %i', async (path, status, type, body) => {
    const answer = await ask(path);
    expect(answer).toMatchObject({ status, type: `${type}; charset=utf-8` });
    expect(answer.body).toContain(body);
    expect(answer.body).not.toContain('not for readers');
  });

  test('answers its own names only, and changes nothing', async () => {
    const { port } = new URL(served.url);
    expect((await ask('/TOKEN/', { host: `localhost:${port}` })).status).toBe(200);
    for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1', '127.0.0.1:1'])
      expect((await ask('/TOKEN/status.json', { host })).status, host).toBe(403);
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'])
      expect((await ask('/TOKEN/', { method })).status, method).toBe(405);
    expect(await ask('/TOKEN/', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
  });

  test('says which port is taken', async () => {
    const port = Number(new URL(served.url).port);
    await expect(
      serve({ page: '', snapshot: () => Promise.resolve(''), directory: root, port }),
    ).rejects.toThrow(`port ${port} is taken. Give another: --port`);
  });
});

describe('the page in Chromium', { timeout: 180_000 }, () => {
  test('shows lanes, who waits and why, time left and faults, and updates itself', async () => {
    current = snapshot();
    const page = await browser.newPage();
    const problems: string[] = [];
    page.on('console', (message) => problems.push(message.text()));
    page.on('pageerror', (error) => problems.push(error.message));
    await page.goto(served.url);
    await page.locator('html[data-ready]').waitFor();
    const text = await page.locator('main').innerText();
    for (const each of [
      ...['3 of 9 cells finished', '1 running, 1 waiting, 1 failed, 1 behind failed ones, 2 not started'],
      ...['time left: at least 2 h 00 min, 2 of 5 cells by a rough estimate', 'nvidia-smi is slow'],
      ...['smoke.m.baseline:eval', '1 h 02 min', '61.0 GiB of 80.0 GiB', 'attempt 2; no sign of life'],
      ...['closed: somebody computes', 'smoke.m.v:edit (run of /other)', 'needs 2 GPUs, 1 free'],
      ...[EVIL, 'for good', 'as of 2026-01-02 02:00:00 UTC'],
    ])
      expect(text).toContain(each);
    expect(await page.evaluate('window.evil')).toBeUndefined();

    current = snapshot({
      cells: { ...COUNTS, done: 8, running: 0, waiting: 0 },
      waiting: [],
      timeLeft: null,
    });
    await page.getByText('all 9 cells finished').waitFor();
    expect(await page.locator('#waiting').innerText()).toContain('nothing waits');
    expect(await page.title()).toBe('9/9 smoke');
    expect(problems).toEqual([]);

    await page.locator('#report').click();
    await page.getByRole('link', { name: 'log' }).click();
    expect(await page.evaluate('window.evil')).toBeUndefined();
    expect(await page.innerText('body')).toContain('<script>');
    await page.close();
  });

  test('has nothing that axe calls a violation, fits three widths, light and dark', async () => {
    current = snapshot();
    for (const width of [390, 820, 1440]) {
      for (const colorScheme of ['light', 'dark'] as const) {
        const context = await browser.newContext({
          viewport: { width, height: 900 },
          colorScheme,
          bypassCSP: true,
        });
        const page = await context.newPage();
        await page.goto(served.url);
        await page.locator('html[data-ready]').waitFor();
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
        const shots = process.env.REPORT_SCREENSHOTS;
        if (shots !== undefined)
          await page.screenshot({ path: join(shots, `live-${width}-${colorScheme}.png`) });
        await page.addScriptTag({
          content: readFileSync(join(REPOSITORY, 'node_modules/axe-core/axe.min.js'), 'utf8'),
        });
        const violations = await page.evaluate<string[]>(
          'axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`))',
        );
        expect(violations, `${width} ${colorScheme}`).toEqual([]);
        await context.close();
      }
    }
  });

  test('says that the command was ended', async () => {
    const short = await serve({
      ...{ page: livePage('smoke', STYLE), snapshot: () => Promise.resolve(JSON.stringify(snapshot())) },
      ...{ directory: root, port: 0 },
    });
    const page = await browser.newPage();
    await page.goto(short.url);
    await page.locator('html[data-ready]').waitFor();
    await short.close();
    await page.getByText('The command was ended').waitFor();
    await page.close();
  });
});
