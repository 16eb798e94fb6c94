// A verdict is said again only while everything it was made from, and everything it wrote, is as it was.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Look } from '../../tools/results/look.js';
import { digestReceipts, keepSaid, madeFrom, sayAgain } from '../../tools/results/same-verdict.js';
import { planOf } from './builders.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'verdict-'));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function put(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

const plan = planOf();
const RECEIPTS = plan.cells.flatMap(({ parts }) => parts.map(({ receipt }) => receipt));
const LOOK = {
  ...{ plan, cells: plan.cells, memory: [], faults: [], unreadableFaults: 0 },
  ...{ openFaults: new Map(), standing: { outdated: new Map() } },
} as unknown as Look;
const FAULT = { at: '2026-01-01T00:00:00.000Z', cell: 's.m.a_clean:eval', code: 'crash' };
const WROTE = 'output/s/reports/final_verdict.json';
const LOG = 'output/s/logs/a/log.txt';
const SAID = { verdict: ['s: USEFUL'], report: ['  report.html (as it was)'] };

/** What is said of a look now. */
async function again(look: Look): Promise<unknown> {
  const from = await madeFrom(root, look, digestReceipts(root, look.cells));
  return from === undefined ? undefined : sayAgain(root, 's', from);
}

async function layAndKeep(): Promise<void> {
  for (const path of RECEIPTS) put(path, '{"results": {}}');
  put(WROTE, '{}');
  const from = await madeFrom(root, LOOK, digestReceipts(root, LOOK.cells));
  keepSaid(root, 's', { madeFrom: from ?? '', ...SAID, linked: { [LOG]: false } }, [WROTE]);
}

test('what was said is said again of the same', async () => {
  await layAndKeep();
  expect(await again(LOOK)).toEqual(SAID);
});

test.each<[string, () => void]>([
  [
    'a receipt',
    () => {
      put(RECEIPTS[2] ?? '', '{"results": {"a": "b"}}');
    },
  ],
  [
    'a receipt is gone',
    () => {
      rmSync(join(root, RECEIPTS[2] ?? ''));
    },
  ],
  [
    'a file of the verdict',
    () => {
      put(WROTE, '{ }');
    },
  ],
  [
    'a file of the verdict is gone',
    () => {
      rmSync(join(root, WROTE));
    },
  ],
  [
    'a file that the report links is there now',
    () => {
      put(LOG, '');
    },
  ],
  [
    'the history of findings',
    () => {
      put('output/s/reports/history.jsonl', '{}\n');
    },
  ],
  [
    'what the suite is described as',
    () => {
      put('suites/s/project.json', '{"metadata":{}}');
    },
  ],
  [
    'versions of this workspace',
    () => {
      put('package.json', '{"version":"2"}');
    },
  ],
])('not when it has changed: %s', async (_what, change) => {
  await layAndKeep();
  change();
  expect(await again(LOOK)).toBeUndefined();
});

test.each<[string, Partial<Record<keyof Look, unknown>>]>([
  ['an outdated receipt', { standing: { outdated: new Map([['x', { reason: 'altered', detail: 'x' }]]) } }],
  ['a cell that failed', { openFaults: new Map([['s.m.a_clean:eval', 'crash: it died']]) }],
  ['another fault on record', { faults: [FAULT] }],
  ['an unreadable line of faults', { unreadableFaults: 1 }],
  ['other margins', { plan: { ...plan, margins: { overall: 0.1, perBenchmark: 0.2 } } }],
  ['other judges', { plan: { ...plan, judges: ['never'] } }],
])('not of another look: %s', async (_what, other) => {
  await layAndKeep();
  expect(await again({ ...LOOK, ...other } as Look)).toBeUndefined();
});

test.each(['', '{', 'null', '{"schema":2}'])('a file %j that is none says nothing', async (text) => {
  await layAndKeep();
  const path = 'output/s/state/verdict_made_from.json';
  expect(JSON.parse(readFileSync(join(root, path), 'utf8'))).toMatchObject(SAID);
  put(path, text);
  expect(await again(LOOK)).toBeUndefined();
});
