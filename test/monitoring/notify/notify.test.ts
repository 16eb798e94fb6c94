// Notifications against a real HTTP server and a real program: what arrives, what is tried again, and what is given up in
// time. The settings are VALIDATION_NOTIFY_WEBHOOK, notify.command, notify.events, notify.nothing_moved_min, notify.timeout_s.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { deliver, eventsOf, receivers, type Receivers } from '../../../tools/monitoring/notify/deliver.js';
import { notificationSchema, type Notification } from '../../../tools/monitoring/notify/event.js';
import { look, notification, watched } from '../../../tools/monitoring/notify/look.js';
import { runEnded, watchRun } from '../../../tools/monitoring/notify/watch-run.js';
import { loadSiteSettings } from '../../../tools/suite/settings/settings.js';
import { REPOSITORY } from '../../support/repository.js';

const SECRET = 'T0KEN5ECRET';
let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'validation-notify-'));
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

interface Hook {
  url: string;
  bodies: Notification[];
}

/** A webhook that answers these in turn, and the last for ever; 0: it does not answer. */
async function hook(answers: readonly number[]): Promise<Hook> {
  const bodies: Notification[] = [];
  let at = 0;
  const listener: RequestListener = (request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      bodies.push(notificationSchema.parse(JSON.parse(text)));
      const status = answers[Math.min(at, answers.length - 1)] ?? 200;
      at += 1;
      if (status !== 0) response.writeHead(status, { location: 'http://127.0.0.1:9/' }).end('thanks');
    });
  };
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/services/${SECRET}?key=${SECRET}`, bodies };
}

const to = (more: Partial<Receivers>): Receivers => ({
  ...{ notifyWebhook: null, notifyCommand: null, notifySeconds: 60 },
  ...more,
});
const EVENT = notification('s', undefined, Date.parse('2026-01-02T03:04:05Z'), {
  ...{ event: 'cell_failed', text: 's: s.m.baseline:eval failed for good: broken: x' },
  cell: { id: 's.m.baseline:eval', code: 'broken', message: 'x', log: null },
});

describe('a webhook', { timeout: 120_000 }, () => {
  test('that answers 503 and 429 first is told in the end, with the JSON of the schema', async () => {
    const { url, bodies } = await hook([503, 429, 200]);
    expect((await deliver(EVENT, to({ notifyWebhook: url }))).map(({ failed }) => failed)).toEqual([
      undefined,
    ]);
    expect(bodies).toEqual([EVENT, EVENT, EVENT]);
  });

  test.each([
    ['says no', [404], 60, /^it answered 404$/, 1],
    ['leads elsewhere', [302], 60, /^it answered 302$/, 1],
    ['does not answer', [0], 2, /^no answer in time$/, 1],
    ['is always broken', [500], 2, /^it answered 500 \(\d tries\)$/, undefined],
  ] as const)('that %s is given up', async (_what, answers, seconds, why, tries) => {
    const { url, bodies } = await hook(answers);
    const began = Date.now();
    const [delivery] = await deliver(EVENT, to({ notifyWebhook: url, notifySeconds: seconds }));
    expect(delivery?.failed).toMatch(why);
    // Seconds for a machine that is slow; without a bound it would be for ever.
    if (seconds < 60) expect(Date.now() - began).toBeLessThan(30_000);
    if (tries !== undefined) expect(bodies).toHaveLength(tries);
    expect(JSON.stringify(delivery)).not.toContain(SECRET);
    expect(delivery?.to).toBe(`webhook at ${new URL(url).host}`);
  });

  test('that nobody listens at is tried again, and named without its secrets', async () => {
    const { url } = await hook([200]);
    servers.splice(0).forEach((server) => server.close());
    const [delivery] = await deliver(EVENT, to({ notifyWebhook: url, notifySeconds: 2 }));
    expect(delivery?.failed).toMatch(/^ECONNREFUSED \(\d tries\)$/);
    expect(JSON.stringify([delivery, receivers(to({ notifyWebhook: url }))])).not.toContain(SECRET);
  });
});

describe('a command', { timeout: 120_000 }, () => {
  const script = (code: string): string[] => [process.execPath, '-e', code];

  test('gets the JSON, its words as they are, and is started again where it fails', async () => {
    const file = join(root, 'told');
    const program = `const fs = require('node:fs'); const first = !fs.existsSync(process.argv[1]);
      fs.appendFileSync(process.argv[1], fs.readFileSync(0, 'utf8')); process.exit(first ? 3 : 0);`;
    const notifyCommand = [...script(program), file, '$HOME; rm -rf *'];
    expect((await deliver(EVENT, to({ notifyCommand })))[0]?.failed).toBeUndefined();
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([EVENT, EVENT]);
  });

  test.each([
    ['that hangs', script('setInterval(() => {}, 1000)'), 2, 'it did not end in time, and was ended'],
    ['that there is not', ['/nowhere/at/all'], 60, 'it cannot be started: ENOENT'],
  ])('%s is given up', async (_what, notifyCommand, notifySeconds, why) => {
    expect((await deliver(EVENT, to({ notifyCommand, notifySeconds })))[0]?.failed).toBe(why);
  });
});

describe('what is news', () => {
  const START = Date.parse('2026-01-02T03:00:00Z');
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  const fault = (at: string, code: string, again: boolean): string =>
    `${JSON.stringify({ at, cell: `s.m.v:${code}`, code, message: 'why\nmore', attempt: 1, log: 'l', again })}\n`;
  const counts = { total: 3, done: 1, running: 1, waiting: 1, failed: 0, not_started: 0 };
  const progress = (done: number, at: string): string =>
    JSON.stringify({
      ...{
        schema: 1,
        suite: 's',
        at,
        cells: { ...counts, done },
        models: {},
        waiting: ['s.m.v:b'],
        failed: [],
      },
      running: [{ cell: 's.m.v:a', gpus: [], since: at, attempt: 1, executor_pid: 1, worker_pid: null }].map(
        (one) => ({ ...one, since: 'x' }),
      ),
    });

  test('a cell that failed for good, once; not one that is tried again, was cancelled or failed before', () => {
    put(
      'output/s/state/errors.json',
      fault('2026-01-02T02:59:00Z', 'before', false) +
        fault('2026-01-02T03:01:00Z', 'passing', true) +
        fault('2026-01-02T03:01:00Z', 'cancelled', false) +
        fault('2026-01-02T03:02:00Z', 'broken', false),
    );
    const of = watched(root, 's', START, 30);
    const [event, ...more] = look(of, START + 300_000);
    expect(more).toEqual([]);
    expect(notificationSchema.parse(event)).toMatchObject({
      ...{ event: 'cell_failed', text: 's: s.m.v:broken failed for good: broken: why' },
      cell: { id: 's.m.v:broken', code: 'broken', log: 'l' },
    });
    expect(look(of, START + 305_000)).toEqual([]);
    rmSync(join(root, 'output/s/state/errors.json'));
  });

  test('a disk that is short since then', () => {
    const at = (detected: string): string =>
      JSON.stringify({ detected_at: detected, free_gb: 3.5, min_free_gb: 200 });
    put('output/s/state/disk_pressure.json', at('2026-01-02T02:00:00Z'));
    const of = watched(root, 's', START, 30);
    expect(look(of, START)).toEqual([]);
    put('output/s/state/disk_pressure.json', at('2026-01-02T03:00:01Z'));
    expect(look(of, START + 2_000).map(({ text }) => text)).toEqual([
      's: the disk is short: 3.5 GiB free, 200 GiB stay free',
    ]);
    expect(look(of, START + 4_000)).toEqual([]);
    rmSync(join(root, 'output/s/state/disk_pressure.json'));
  });

  test('nothing moved: neither cells nor logs; what moves is told anew when it stands again', () => {
    const minute = 60_000;
    put('output/s/state/progress.json', progress(1, '2026-01-02T03:00:00Z'));
    put('output/s/logs/m/v/a/attempt-1/log.txt', 'x');
    const of = watched(root, 's', START, 30);
    expect(look(of, START)).toEqual([]);
    // The file is written every minute, with another time and nothing else.
    put('output/s/state/progress.json', progress(1, '2026-01-02T03:20:00Z'));
    expect(look(of, START + 29 * minute)).toEqual([]);
    const [event] = look(of, START + 30 * minute);
    expect(notificationSchema.parse(event)).toMatchObject({
      ...{ event: 'nothing_moved', idle: { minutes: 30, running: ['s.m.v:a'], waiting: 1 } },
      cells: { done: 1 },
    });
    expect(look(of, START + 90 * minute)).toEqual([]);
    // A log that grows.
    utimesSync(
      join(root, 'output/s/logs/m/v/a/attempt-1/log.txt'),
      new Date(),
      new Date(START + 91 * minute),
    );
    expect(look(of, START + 91 * minute)).toEqual([]);
    expect(look(of, START + 120 * minute)).toEqual([]);
    expect(look(of, START + 121 * minute)).toHaveLength(1);
  });
});

test('a run tells how it ended, once', { timeout: 120_000 }, async () => {
  const { url, bodies } = await hook([200]);
  const workspace = REPOSITORY;
  const said: string[] = [];
  vi.stubEnv('VALIDATION_NOTIFY_WEBHOOK', url);
  watchRun(workspace, ['node', 'nx', 'run', 'smoke:certify'], (line) => said.push(line));
  await runEnded({ failed: 2, interrupted: false });
  expect(bodies.map(({ event, suite, run }) => [event, suite, run])).toEqual([
    ['run_ended', 'smoke', { ended: 'with failures', failed: 2 }],
  ]);
  // It is over: nothing is told twice.
  await runEnded({ failed: 0, interrupted: true });
  expect(bodies).toHaveLength(1);
  expect(said).toEqual([]);
});

test('settings: what is wrong with a webhook is said without it', () => {
  const workspace = join(root, 'workspace');
  mkdirSync(join(workspace, 'workspace-config'), { recursive: true });
  writeFileSync(join(workspace, 'workspace-config/site.yaml'), `notify:\n  webhook: ftp://x/${SECRET}\n`);
  const wrong = (environment: NodeJS.ProcessEnv): string => {
    try {
      loadSiteSettings(workspace, environment);
    } catch (error) {
      return (error as Error).message;
    }
    return '';
  };
  expect(wrong({})).toContain(
    'workspace-config/site.yaml:2:12: notify.webhook: what is written there is not allowed',
  );
  expect(wrong({ VALIDATION_NOTIFY_WEBHOOK: SECRET })).toContain(
    'VALIDATION_NOTIFY_WEBHOOK: its value is not allowed',
  );
  expect(wrong({ VALIDATION_NOTIFY_WEBHOOK: SECRET })).not.toContain(SECRET);
  writeFileSync(
    join(workspace, 'workspace-config/site.yaml'),
    'notify: { events: [disk_short], command: [echo, "a b"] }\n',
  );
  const settings = loadSiteSettings(workspace, {});
  expect(eventsOf(settings)).toEqual(['disk_short']);
  expect(settings.notifyCommand).toEqual(['echo', 'a b']);
});
