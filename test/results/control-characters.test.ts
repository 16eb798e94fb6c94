// What certificates and tasks bring with them acts on nobody's terminal, spreadsheet or browser.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readReceipt } from '../../tools/execution/records/receipt.js';
import { parseCsv, csvTable } from '../../tools/results/outputs/tables/csv.js';
import { escapeHtml } from '../../tools/results/report/drawing/html.js';
import { writeVerdict } from '../../tools/results/write.js';
import { filesOf, planOf } from './builders.js';

const EVIL = '=cmd|\x1b]0;owned\x07\x1b[31mred\u202egpj\x9b2J\r\n+1';
/** Anything but tab, line feed and the carriage return of CSV's own line ends. */
const ACTS = /[^\P{Cc}\n\r\t]|[\u202a-\u202e\u2066-\u2069]/u;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'validation-controls-'));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

test('none reaches a file that a verdict writes', async () => {
  const plan = planOf({ edits: { a_clean: 'clean', b_stress: 'stress' } });
  for (const [name, content] of filesOf(plan)) {
    if (!content.ok) continue;
    const value = structuredClone(content.value) as Record<string, unknown>;
    if (name.endsWith('evaluation.cert.json')) {
      Object.assign(value, { confidence: { label: EVIL }, auto: { tier: EVIL, policy_digest: EVIL } });
    }
    if (name.includes('b_stress') && name.endsWith('outcome.json')) {
      Object.assign(value, { status: 'refused', reason: EVIL });
    }
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), JSON.stringify(value));
  }
  const known = { faults: new Map([['s.m.a_clean:eval-city', EVIL]]) };
  rmSync(join(root, 'output/s/m/evals/a_clean_city_results.receipt.json'), { force: true });
  const { paths, lines } = await writeVerdict({ workspaceRoot: root, plan, known, retryAfterMs: 1 });
  const texts = new Map(paths.map((path) => [path, readFileSync(join(root, path), 'utf8')]));
  for (const [path, text] of texts) if (!path.endsWith('.json')) expect(text, path).not.toMatch(ACTS);
  expect(lines.join('\n')).not.toMatch(ACTS);
  // It was there: its harmless rest is.
  const all = [...texts].filter(([, text]) => text.includes('red')).map(([path]) => path.split('/').at(-1));
  expect(all).toEqual(
    expect.arrayContaining(['invarlock_results.csv', 'final_verdict.txt', 'junit.xml', 'summary.md']),
  );
  const certificates = parseCsv(texts.get('output/s/analysis/invarlock_results.csv') ?? '');
  for (const row of certificates) {
    for (const field of Object.values(row)) expect(field).not.toMatch(/^\s*[=+@]/);
  }
});

test.each(['=1+1', '+1', '-1+cmd', '@SUM(A1)', ' =1', '\t=1', '\r=1'])('%j is no formula', (text) => {
  const [row] = parseCsv(csvTable(['a'], [[text]]));
  expect(row?.a).not.toMatch(/^\s*[=+\-@]/);
});

test('numbers stay numbers', () => {
  expect(csvTable(['a', 'b', 'c', 'd'], [[-1, 1e-7, -Infinity, 'a-b']])).toBe(
    'a,b,c,d\r\n-1,1e-7,-Infinity,a-b\r\n',
  );
});

test('HTML', () => {
  expect(escapeHtml(EVIL)).not.toMatch(ACTS);
});

test.each([
  ['results', { results: { '../../etc/passwd': 'x' } }],
  ['results, absolute', { results: { '/etc/passwd': 'x' } }],
  ['a log', { attempts: [{ number: 1, log: '../../../x', exitCode: 0 }] }],
  ['a recipe', { recipe: '../../x' }],
])('a receipt whose %s lead elsewhere is none', (_, change) => {
  const receipt = {
    schema: 1, cell: 'c', part: 'p', fingerprint: 'f', versions: {}, deviceClass: 'cpu', reads: {}, results: {},
    recipe: null, startedAt: '', endedAt: '', waitSeconds: 0, runSeconds: 0, gpus: [], threads: 1, peakRssBytes: null,
    attempts: [],
  }; // prettier-ignore
  const path = join(root, 'receipt.json');
  writeFileSync(path, JSON.stringify(receipt));
  expect(readReceipt(path)).toBeDefined();
  writeFileSync(path, JSON.stringify({ ...receipt, ...change }));
  expect(readReceipt(path)).toBeUndefined();
});
