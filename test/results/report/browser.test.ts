// The report as a reader has it: a file opened in Chromium. No error, no connection, every link there, tables that sort.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Findings } from '../../../tools/results/analysis/findings.js';
import { makeReport } from '../../../tools/results/report/make-report.js';
import { renderVerdict } from '../../../tools/results/write.js';
import { SMOKE_PLAN, smokeFiles, smokeFindings } from '../golden/smoke-run.js';
import { FETCH_TIMEOUT_MS, openChromium } from '../../support/browser/chromium.js';

const WIDTHS = [390, 820, 1440];
const EVIL = '<script>window.evil = 1</script>"\'&<img src=x onerror="window.evil = 1">';

let root: string;
let browser: Browser;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'validation-report-'));
  browser = await openChromium();
}, FETCH_TIMEOUT_MS);
afterAll(async () => {
  // Undefined where no Chromium was found.
  await (browser as Browser | undefined)?.close();
  rmSync(root, { recursive: true, force: true });
});

/** A workspace with the files of a run and its report; the URL of the latter. */
async function report(name: string, findings: Findings): Promise<string> {
  const workspace = join(root, name);
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(workspace, path)), { recursive: true });
    writeFileSync(join(workspace, path), text);
  };
  for (const [path] of smokeFiles()) put(path, '{}');
  for (const { attempts } of findings.records) for (const { log } of attempts) put(log, 'log');
  for (const [path, text] of renderVerdict(findings)) put(path, text);
  const { path } = await makeReport(workspace, findings, SMOKE_PLAN.cells);
  return pathToFileURL(join(workspace, path)).href;
}

interface Opened extends AsyncDisposable {
  page: Page;
  /** What went wrong, or went out. */
  problems: string[];
}

async function open(
  url: string,
  options: { width?: number; colorScheme?: 'light' | 'dark'; javaScriptEnabled?: boolean } = {},
): Promise<Opened> {
  const { width = 1440, ...rest } = options;
  const context = await browser.newContext({ viewport: { width, height: 900 }, ...rest });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('console', (message) => problems.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('request', (request) => {
    if (request.url() !== url && !request.url().startsWith('data:')) problems.push(request.url());
  });
  await page.goto(url);
  return { page, problems, [Symbol.asyncDispose]: () => context.close() };
}

describe('the report of a whole run', { timeout: 60_000 }, () => {
  let url: string;
  beforeAll(async () => {
    url = await report('whole', smokeFindings());
  });

  test('fits three widths in light and dark, without an error or a request', async () => {
    for (const width of WIDTHS) {
      for (const colorScheme of ['light', 'dark'] as const) {
        await using opened = await open(url, { width, colorScheme });
        const { page, problems } = opened;
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
        const [text, background] = await page.evaluate<[number, number]>(
          '[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor].map((c) => c.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0))',
        );
        expect(text < background).toBe(colorScheme === 'light');
        expect(problems).toEqual([]);
        const shots = process.env.REPORT_SCREENSHOTS;
        if (shots !== undefined) {
          await page.screenshot({ path: join(shots, `report-${width}-${colorScheme}.png`), fullPage: true });
        }
      }
    }
  });

  test('says the verdict first; every link leads somewhere', async () => {
    await using opened = await open(url);
    const { page } = opened;
    expect(await page.locator('.verdict').innerText()).toContain('INSUFFICIENT');
    const first = await page.locator('#verdict').innerText();
    expect(first).toContain('InvarLock flagged all 5 harmful edits and none of 6 harmless ones.');
    expect(first).toContain(
      'Not tested: in these runs invariants, spectral and rmt compared the edited model with itself',
    );
    expect(first).toContain('11 of 11 right: 0 harmful edits missed, 0 false alarms.');
    expect(first).toMatch(/Models tiny-dense, tiny-moe; on cpu; InvarLock 0\.3\.7; lm-eval 0\.4\.\d+; torch/);
    expect(first).toContain('PHASE0_VALIDATED');
    // Drawn to scale: 5 of 5, 47.8 to 100 %, of which the low end must reach 60 %.
    const drawn = page.getByRole('img', { name: 'harmful edits flagged: 5 of 5' });
    const [bar, span, limit] = await Promise.all(
      [drawn, drawn.locator('.span'), drawn.locator('.limit')].map((one) => one.boundingBox()),
    );
    const share = (x = NaN): number => (x - (bar?.x ?? NaN)) / (bar?.width ?? NaN);
    expect(share(span?.x)).toBeCloseTo(0.478, 2);
    expect(share((span?.x ?? NaN) + (span?.width ?? NaN))).toBeCloseTo(1, 2);
    expect(share(limit?.x)).toBeCloseTo(0.6, 2);
    const links = await page.evaluate<string[]>(
      '[...document.querySelectorAll("a[href]")].map((a) => a.href.baseVal ?? a.href)',
    );
    expect(links.length).toBeGreaterThan(100);
    for (const link of links) {
      const target = new URL(link, url);
      const anchor = decodeURIComponent(target.hash.slice(1));
      target.hash = '';
      const file = fileURLToPath(target);
      expect(existsSync(file), link).toBe(true);
      if (anchor !== '') expect(await page.locator(`[id="${anchor}"]`).count(), link).toBe(1);
    }
    expect(statSync(fileURLToPath(url)).size).toBeLessThan(2_000_000);
  });

  test('a field of the matrix opens what stands behind it, by keyboard too', async () => {
    await using opened = await open(url, { width: 390 });
    const { page, problems } = opened;
    const field = page.getByRole('button', { name: 'prune_70pct_stress of tiny-moe: harmful' });
    await field.focus();
    await page.keyboard.press('Enter');
    const panel = page.getByRole('dialog', { name: 'prune_70pct_stress of tiny-moe' });
    await panel.waitFor({ state: 'visible' });
    expect(await panel.getByRole('link', { name: 'certificate' }).getAttribute('href')).toBe(
      '../tiny-moe/certificates/prune_70pct_stress/run_1/evaluation.cert.json',
    );
    expect(await panel.getByRole('link', { name: 'log' }).count()).toBe(1);
    expect(await panel.innerText()).toContain('npx nx run smoke.tiny-moe.prune_70pct_stress:certify-1');
    await page.keyboard.press('Escape');
    await panel.waitFor({ state: 'hidden' });
    expect(problems).toEqual([]);
  });

  test('a link opens the panel of a field; the field shows parameters and why', async () => {
    await using plain = await open(url);
    const anchor = await plain.page
      .getByRole('button', { name: 'prune_70pct_stress of tiny-moe' })
      .locator('xpath=..')
      .getAttribute('id');
    await using linked = await open(`${url}#${anchor ?? ''}`);
    await linked.page
      .getByRole('dialog', { name: 'prune_70pct_stress of tiny-moe' })
      .waitFor({ state: 'visible' });
    const row = plain.page.locator('.matrix tr', { hasText: 'quant_2bit' });
    expect(await row.locator('th').innerText()).toContain('quant_rtn, bits 2, group size 32, scope all');
    expect(await row.innerText()).toMatch(/drop in \w+, p/);
    expect(await plain.page.locator('.matrix').innerText()).toContain('ratio is no number');
  });

  test('the matrix is narrowed by words, and to the mistakes', async () => {
    const findings = smokeFindings();
    const [one] = findings.analysis.edits;
    if (one === undefined) throw new Error('no edit');
    const { analysis } = findings;
    const edits = analysis.edits.map((edit) =>
      edit === one ? { ...edit, standing: 'missed' as const } : edit,
    );
    await using opened = await open(
      await report('mistake', { ...findings, analysis: { ...analysis, edits } }),
    );
    const { page, problems } = opened;
    const rows = (): Promise<string[]> => page.locator('.matrix tbody tr:visible th').allInnerTexts();
    const all = await rows();
    await page.getByLabel('only mistakes').check();
    const mistaken = await rows();
    expect(mistaken).toHaveLength(2);
    expect(mistaken[1]?.replaceAll('\u200b', '')).toContain(one.variant);
    await page.getByLabel('only mistakes').uncheck();
    await page.getByRole('searchbox', { name: 'Find an edit or a word' }).fill('not flagged prune');
    expect(await rows()).toHaveLength(2);
    await page.getByRole('searchbox', { name: 'Find an edit or a word' }).fill('');
    expect(await rows()).toEqual(all);

    // Within its kind; what is no number is the worst.
    const names = async (kind: RegExp): Promise<string[]> =>
      (await rows())
        .map((text) => /\w+/.exec(text.replaceAll('\u200b', ''))?.[0] ?? '')
        .filter((name) => kind.test(name));
    await page.getByLabel('sorted by').selectOption('perplexity ratio');
    expect(await names(/_stress$/)).toEqual([
      'svd_rank32_stress',
      'quant_2bit_stress',
      'svd_rank16_stress',
      'prune_70pct_stress',
      'fp4_aggressive_stress',
    ]);
    expect((await names(/^error_/)).slice(0, 3)).toEqual([
      'error_inf_injection',
      'error_nan_injection',
      'error_extreme_quant',
    ]);
    await page.getByLabel('sorted by').selectOption('accuracy lost');
    expect((await names(/_stress$/))[0]).toBe('quant_2bit_stress');
    await page.getByLabel('sorted by').selectOption('kind of edit');
    expect(await rows()).toEqual(all);
    expect(problems).toEqual([]);
  });

  test('tables sort by number and text, up and down, and are narrowed by words', async () => {
    await using opened = await open(url);
    const { page } = opened;
    const column = async (index: number): Promise<string[]> =>
      page.locator(`#cell-table tbody tr:visible td:nth-child(${index})`).allInnerTexts();
    const ran = page.getByRole('columnheader', { name: 'ran' });
    const seconds = (): Promise<number[]> =>
      page.evaluate(
        '[...document.querySelectorAll("#cell-table tbody tr")].map((row) => Number(row.cells[3].dataset.sort))',
      );
    await ran.getByRole('button').click();
    expect(await ran.getAttribute('aria-sort')).toBe('ascending');
    const up = await seconds();
    expect(up).toEqual([...up].sort((a, b) => a - b));
    await ran.getByRole('button').press('Enter');
    expect(await seconds()).toEqual([...up].sort((a, b) => b - a));
    await page.locator('#cell-table').getByRole('button', { name: 'cell' }).click();
    const names = await column(1);
    expect(names).toEqual([...names].sort());
    await page.getByRole('searchbox', { name: 'Find a cell or a state' }).fill('tiny-moe certify');
    expect(await column(1)).toHaveLength(6);
    expect(await page.locator('#cell-table-count').innerText()).toBe('6 of 84');
  });

  test('light and dark can be chosen, and everything reads without a script', async () => {
    await using opened = await open(url, { colorScheme: 'light' });
    await opened.page.getByRole('button', { name: 'Light or dark' }).click();
    expect(await opened.page.evaluate('document.documentElement.dataset.theme')).toBe('dark');
    await using still = await open(url, { javaScriptEnabled: false });
    await still.page.getByRole('button', { name: /svd_rank32_stress of tiny-dense/ }).click();
    expect(await still.page.getByRole('dialog').first().isVisible()).toBe(true);
    expect(await still.page.locator('svg').count()).toBe(18);
  });
});

test(
  'an unfinished run, with hostile text in its files, opens without harm',
  { timeout: 60_000 },
  async () => {
    const files = new Map([...smokeFiles()].filter(([path]) => !path.includes('tiny-moe/evals')));
    const torn = [...files.keys()].find((path) =>
      path.endsWith('svd_rank32_stress/run_1/evaluation.cert.json'),
    );
    files.set(torn ?? '', { ok: false, detail: EVIL });
    const fault = { at: '2026-01-01T00:00:00.000Z', cell: EVIL, code: 'killed', message: EVIL };
    const findings = {
      ...smokeFindings(files),
      faults: [{ ...fault, attempt: 1, log: null, again: true, class: null, gpus: [] }],
    };
    await using opened = await open(await report('partial', findings));
    const { page, problems } = opened;
    expect(await page.locator('.verdict').innerText()).toContain('INCOMPLETE');
    expect(await page.locator('#verdict').innerText()).not.toContain('VALIDATED');
    expect(await page.locator('#missing-table').innerText()).toContain(EVIL);
    expect(await page.locator('#fault-table').innerText()).toContain(EVIL);
    expect(await page.evaluate('window.evil')).toBeUndefined();
    expect(problems).toEqual([]);
  },
);

test(
  'a report of nothing is a page; one that would be the same is not made again',
  { timeout: 60_000 },
  async () => {
    const findings = smokeFindings(new Map());
    const url = await report('nothing', findings);
    await using opened = await open(url);
    expect(await opened.page.locator('.verdict').innerText()).toContain('INCOMPLETE: 0 of 84 cells finished');
    expect(opened.problems).toEqual([]);
    const before = readFileSync(fileURLToPath(url), 'utf8');
    const again = (): Promise<{ changed: boolean }> =>
      makeReport(join(root, 'nothing'), findings, SMOKE_PLAN.cells);
    expect((await again()).changed).toBe(false);
    rmSync(fileURLToPath(url));
    expect((await again()).changed).toBe(true);
    expect(readFileSync(fileURLToPath(url), 'utf8')).toBe(before);
  },
);
