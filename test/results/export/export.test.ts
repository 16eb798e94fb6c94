// The zip of a run: python's zipfile and Chromium open it, two exports are the same bytes, and no secret leaves unnoticed.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { execaSync } from 'execa';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exportSuite, type ExportRequest } from '../../../tools/results/export/export-suite.js';
import { noonOf, writeZip } from '../../../tools/results/export/zip.js';
import { makeReport } from '../../../tools/results/report/make-report.js';
import { renderVerdict } from '../../../tools/results/write.js';
import { FETCH_TIMEOUT_MS, openChromium } from '../../support/browser/chromium.js';
import { SMOKE_PLAN, smokeFiles, smokeFindings } from '../golden/smoke-run.js';

const HOME = '/home/ann';
/** Put together, so that no scanner takes this file for a leak. */
const TOKEN = ['hf', 'QmFkIGlkZWEgdG8gbGVhayB0aGlz'].join('_');
const [PASSWORD, BEARER, ARMOUR] = ['c2VjcmV0', 'abcdef0123456789abcdef', '-----BEGIN'];
const CERTIFICATE = [...smokeFiles().keys()].find((path) => path.endsWith('evaluation.cert.json')) ?? '';
const FINDINGS = smokeFindings();
const LOG = FINDINGS.records[0]?.attempts[0]?.log ?? '';
/** A log that is not there: its link must not be one. */
const GONE = FINDINGS.records[1]?.attempts[0]?.log ?? '';

let root: string;
let workspace: string;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'validation-export-'));
  workspace = await makeWorkspace('workspace');
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

async function makeWorkspace(name: string): Promise<string> {
  const where = join(root, name);
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(where, path)), { recursive: true });
    writeFileSync(join(where, path), text);
  };
  for (const [path] of smokeFiles()) put(path, '{}');
  for (const { attempts } of FINDINGS.records)
    for (const { log } of attempts) put(log, `read ${HOME}/models/x\nends well\n`);
  rmSync(join(where, GONE));
  put(CERTIFICATE, `{"path": "${HOME}/models/x"}`);
  put(`${dirname(LOG)}/job.json`, '{}');
  put('suites/smoke/suite.yaml', 'models: []\n');
  for (const [path, text] of renderVerdict(FINDINGS)) put(path, text);
  symlinkSync(root, join(where, 'output/smoke/weights'));
  await makeReport(where, FINDINGS, SMOKE_PLAN.cells);
  return where;
}

const request = (more: Partial<ExportRequest> = {}): ExportRequest => ({
  ...{ workspaceRoot: workspace, suite: 'smoke', findings: FINDINGS, cells: SMOKE_PLAN.cells, home: HOME },
  ...more,
});

/** As another program reads it. */
function unzip(zip: string, name: string): { names: string[]; where: string } {
  const where = join(root, name);
  const program =
    'import json, sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\nassert z.testzip() is None\nz.extractall(sys.argv[2])\nprint(json.dumps(z.namelist()))';
  const { stdout } = execaSync('python3', ['-c', program, zip, where]);
  return { names: JSON.parse(stdout) as string[], where: join(where, 'smoke') };
}

describe('an export', { timeout: 120_000 }, () => {
  test('is a zip with everything a reader asks for, and says what is not in it', async () => {
    const { lines, success } = await exportSuite(request());
    expect(success).toBe(true);
    expect(lines.at(-1)).toMatch(/^output\/smoke\.zip: \d+(\.\d)? [KM]iB$/);
    expect(lines.join('\n')).toMatch(/left out: by-products of cells beside their logs +1 /);
    expect(lines.join('\n')).toMatch(/left out: links to weights +1/);

    const { names, where } = unzip(join(workspace, 'output/smoke.zip'), 'opened');
    const below = (path: string): string => path.replace('output/', '');
    expect(names).toEqual(
      expect.arrayContaining([
        ...['smoke/README.txt', 'smoke/suite.yaml', 'smoke/contents.json', 'smoke/reports/report.html'],
        ...['smoke/reports/final_verdict.json', 'smoke/analysis/labels.csv', below(CERTIFICATE), below(LOG)],
      ]),
    );
    expect(names).not.toContain(`${dirname(below(LOG))}/job.json`);
    expect(names.every((name) => name.startsWith('smoke/') && !name.includes('..'))).toBe(true);
    const contents = JSON.parse(readFileSync(join(where, 'contents.json'), 'utf8')) as {
      files: { path: string; changed?: string }[];
    };
    expect(contents.files).toHaveLength(names.length - 1);
    expect(contents.files.find(({ path }) => path === below(LOG).replace('smoke/', ''))?.changed).toBe(
      'the home directory is ~',
    );
  });

  test("names no one's home in logs, and keeps what a receipt vouches for", async () => {
    const { lines } = await exportSuite(request({ out: 'elsewhere/' }));
    const { where } = unzip(join(workspace, 'elsewhere/smoke.zip'), 'homeless');
    expect(readFileSync(join(where, LOG.replace('output/smoke/', '')), 'utf8')).toBe(
      'read ~/models/x\nends well\n',
    );
    expect(readFileSync(join(where, CERTIFICATE.replace('output/smoke/', '')), 'utf8')).toContain(HOME);
    expect(lines.join('\n')).toContain(`The path of your home stands in 1 results as they are`);
    expect(lines.join('\n')).toContain(CERTIFICATE);
  });

  test('is the same bytes in any time zone', async () => {
    const zone = process.env.TZ;
    const zips: Buffer[] = [];
    for (const each of ['Asia/Tokyo', 'America/Sao_Paulo', 'UTC']) {
      process.env.TZ = each;
      await exportSuite(request({ out: 'again.zip' }));
      zips.push(readFileSync(join(workspace, 'again.zip')));
    }
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
    expect(zips.every((zip) => zip.equals(zips[0] ?? Buffer.alloc(0)))).toBe(true);
  });

  test('says what it would be, and writes nothing', async () => {
    const { lines, success } = await exportSuite(request({ out: 'not-made/x.zip', dryRun: true }));
    expect(success).toBe(true);
    expect(lines.join('\n')).toMatch(/certificates +\d+ /);
    expect(lines.slice(-1)).toEqual(['Nothing was written.']);
    expect(existsSync(join(workspace, 'not-made'))).toBe(false);
  });
});

const SECRETS: readonly [what: string, text: string, place: string][] = [
  ['a token', `first\nwith ${TOKEN}\n`, 'a token or password'],
  ['a URL', `first\nfrom https://ann:${PASSWORD}@hub.example/x\n`, 'a URL with a user or password'],
  ['a header', `first\nAuthorization: Bearer ${BEARER}\n`, 'a header that authorizes'],
  ['a variable', `first\nDB_PASSWORD=hunter2hunter2\n`, 'the value of DB_PASSWORD'],
  [
    'a private key',
    `first\n${ARMOUR} PRIVATE KEY-----\nMIIBVQIBADANBgkqhkiG9w0BAQ\n-----END PRIVATE KEY-----\n`,
    'a private key',
  ],
];

test.each(SECRETS)(
  '%s in a log: nothing is written, and it is named',
  { timeout: 120_000 },
  async (_what, text, place) => {
    const zip = join(workspace, 'kept.zip');
    writeFileSync(zip, 'PK as it was');
    const before = readFileSync(join(workspace, LOG));
    try {
      writeFileSync(join(workspace, LOG), text);
      for (const dryRun of [true, false]) {
        const { lines, success } = await exportSuite(request({ out: 'kept.zip', dryRun }));
        expect(success).toBe(false);
        expect(lines[1]).toBe(`  ${LOG}:2: ${place}`);
        expect(lines.at(-1)).toContain('npx nx run smoke:export --redact');
        expect(readFileSync(zip, 'utf8')).toBe('PK as it was');
        expect(readdirSync(workspace).filter((name) => name.endsWith('.tmp'))).toEqual([]);
      }
      const { lines, success } = await exportSuite(request({ out: 'kept.zip', redact: true }));
      expect(success).toBe(true);
      expect(lines.join('\n')).toContain('1 secrets in 1 files are stars');
      const { where } = unzip(zip, `redacted-${place.replaceAll(' ', '-')}`);
      const sent = readFileSync(join(where, LOG.replace('output/smoke/', '')), 'utf8');
      expect(sent).toMatch(/\*{8}/);
      expect(sent).toHaveLength(text.length);
      expect((await exportSuite(request({ out: 'other.zip', dryRun: true }))).success).toBe(false);
    } finally {
      writeFileSync(join(workspace, LOG), before);
    }
  },
);

test('what is no secret ends no export', { timeout: 60_000 }, async () => {
  const before = readFileSync(join(workspace, LOG));
  const harmless = [
    'HF_TOKEN=********', 'export API_KEY=$MY_KEY', 'TOKENIZERS_PARALLELISM=false', 'seq_len=64 key=value',
    'https://ann@host.example/x', 'the token count is 12345678', 'PUBLIC_KEY=abcdefgh12345678',
  ]; // prettier-ignore
  writeFileSync(join(workspace, LOG), harmless.join('\n'));
  try {
    const { lines } = await exportSuite(request({ out: 'harmless.zip', dryRun: true }));
    expect(lines.at(-1)).toBe('Nothing was written.');
  } finally {
    writeFileSync(join(workspace, LOG), before);
  }
});

test('places that cannot take it are refused', async () => {
  writeFileSync(join(workspace, 'notes.txt'), 'mine');
  for (const [out, why] of [
    ['output/smoke/x.zip', 'lies inside'],
    ['notes.txt', 'is there and is no zip'],
    [' ', '--out is empty'],
    ['notes.txt/x.zip', 'ENOTDIR'],
  ] as const)
    await expect(exportSuite(request({ out })), out).rejects.toThrow(why);
  expect(readFileSync(join(workspace, 'notes.txt'), 'utf8')).toBe('mine');
});

test('a zip that cannot be finished leaves what was there, and nothing beside it', () => {
  const path = join(root, 'half/x.zip');
  writeZip(path, noonOf(undefined), (add) => {
    add('a', Buffer.from('one'));
  });
  const before = readFileSync(path);
  expect(() =>
    writeZip(path, noonOf(undefined), (add) => {
      add('a', Buffer.alloc(300_000, 'x'));
      throw new Error('no room');
    }),
  ).toThrow('no room');
  expect(readFileSync(path).equals(before)).toBe(true);
  expect(readdirSync(dirname(path))).toEqual(['x.zip']);
});

describe('in Chromium', { timeout: 120_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openChromium();
  }, FETCH_TIMEOUT_MS);
  afterAll(async () => {
    await (browser as Browser | undefined)?.close();
  });

  test('the unzipped report opens, and every file it leads to is there', async () => {
    await exportSuite(request({ out: 'browser.zip' }));
    const { where } = unzip(join(workspace, 'browser.zip'), 'browsed');
    const page = await browser.newPage();
    const problems: string[] = [];
    page.on('console', (message) => problems.push(message.text()));
    page.on('pageerror', (error) => problems.push(error.message));
    await page.goto(pathToFileURL(join(where, 'reports/report.html')).href);
    await page.locator('html[data-ready]').waitFor();
    // Panels too, whichever are open.
    const links = await page.evaluate<string[]>(
      '[...document.querySelectorAll("a[href]")].map((a) => new URL(a.getAttribute("href"), location.href).href).filter((href) => href.startsWith("file:"))',
    );
    const files = [...new Set(links.map((href) => fileURLToPath(href.replace(/#.*/, ''))))];
    expect(files.length).toBeGreaterThan(50);
    expect(files.filter((file) => !file.startsWith(where) || !existsSync(file))).toEqual([]);
    expect(await page.locator('.gone').count()).toBeGreaterThan(0);
    expect(problems).toEqual([]);
  });
});
