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
import { parseCsv } from '../../../tools/results/outputs/tables/csv.js';
import { REPOSITORY } from '../../support/repository.js';
import { manyTimes } from './many.js';
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
  put('package.json', '{ "version": "1.2.3" }');
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
  if (options.javaScriptEnabled !== false) await page.locator('html[data-ready]').waitFor();
  return { page, problems, [Symbol.asyncDispose]: () => context.close() };
}

/** Of each chart: marks that its frame cuts off, and labels that touch. */
function chartFaults(page: Page): Promise<{ label: string; cut: number; touching: string[] }[]> {
  return page.evaluate<{ label: string; cut: number; touching: string[] }[]>(
    `[...document.querySelectorAll('figure svg')].map((svg) => {
        const frame = svg.getBoundingClientRect();
        const inside = (box) => box.left >= frame.left - 1 && box.right <= frame.right + 1 && box.top >= frame.top - 1 && box.bottom <= frame.bottom + 1;
        const texts = [...svg.querySelectorAll('text')];
        const boxes = texts.map((text) => text.getBoundingClientRect());
        const touching = [];
        boxes.forEach((a, i) => boxes.slice(i + 1).forEach((b, j) => {
          if (a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
            touching.push(texts[i].textContent + ' / ' + texts[i + 1 + j].textContent);
        }));
        const marks = [...svg.querySelectorAll('a, path, text')].filter((mark) => !mark.closest('defs, clipPath')).map((mark) => mark.getBoundingClientRect());
        return { label: svg.getAttribute('aria-label'), cut: marks.filter((box) => !inside(box)).length, touching };
      })`,
  );
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

  test(
    'has nothing that axe calls a violation, at three widths, light and dark',
    { timeout: 180_000 },
    async () => {
      const axe = join(REPOSITORY, 'node_modules/axe-core/axe.min.js');
      for (const width of WIDTHS) {
        for (const colorScheme of ['light', 'dark'] as const) {
          await using opened = await open(url, { width, colorScheme });
          await opened.page.addScriptTag({ path: axe });
          const violations = await opened.page.evaluate<string[]>(
            'axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`))',
          );
          expect(violations, `${width} ${colorScheme}`).toEqual([]);
        }
      }
    },
  );

  test('charts have intervals and units; no mark is cut off, no two labels of an axis touch', async () => {
    await using opened = await open(url);
    const { page } = opened;
    const titles = await page.locator('#correlation title').allTextContents();
    const one = titles.find((title) => title.startsWith('tiny-dense/quant_2bit_stress: ratio'));
    expect(one).toMatch(
      /ratio \d+\.\d+ \[\S+ to \S+\], accuracy change -\S+ percentage points \[-\S+ to -\S+\]$/,
    );
    const charts = await chartFaults(page);
    expect(charts).toHaveLength(19);
    for (const chart of charts) expect(chart).toEqual({ label: chart.label, cut: 0, touching: [] });
    const curve = page.locator('[aria-label^="invarlock: probability"] text');
    expect(await curve.allTextContents()).toEqual(
      expect.arrayContaining(['mean accuracy lost, percentage points (arsinh scale)', '0', '1', '10']),
    );
  });

  test('every chart is saved as CSV, SVG and PNG', async () => {
    await using opened = await open(url, { colorScheme: 'dark' });
    const { page, problems } = opened;
    const saved = async (kind: string): Promise<{ name: string; bytes: Buffer }> => {
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page
          .getByRole('button', { name: `Save as ${kind}: accuracy change` })
          .first()
          .click(),
      ]);
      return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
    };
    const csv = await saved('CSV');
    expect(csv.name).toBe('smoke-accuracy-by-ratio.csv');
    const rows = parseCsv(csv.bytes.toString());
    expect(rows).toHaveLength(11);
    const row = rows.find(({ model, variant }) => `${model}/${variant}` === 'tiny-dense/quant_2bit_stress');
    expect(Number(row?.low)).toBeLessThan(Number(row?.['accuracy change, percentage points']));
    expect(Number(row?.pm_ratio_low)).toBeLessThan(Number(row?.pm_ratio));
    const svg = (await saved('SVG')).bytes.toString();
    expect(svg).toMatch(/^<svg [^>]*width="600" height="440"/);
    expect(svg).not.toContain('var(--');
    const png = await saved('PNG');
    expect(png.bytes.subarray(1, 4).toString()).toBe('PNG');
    expect([png.bytes.readUInt32BE(16), png.bytes.readUInt32BE(20)]).toEqual([1200, 880]);
    for (const figure of await page.locator('figure').all()) {
      expect(await figure.getByRole('button').count()).toBe(3);
      expect(parseCsv((await figure.locator('.csv').textContent()) ?? '').length).toBeGreaterThan(0);
    }
    expect(problems.filter((problem) => !problem.startsWith('blob:'))).toEqual([]);
  });

  test('a phone is told that charts scroll', async () => {
    await using phone = await open(url, { width: 390 });
    await using desk = await open(url);
    expect(await phone.page.getByText('scroll the chart sideways').first().isVisible()).toBe(true);
    expect(await desk.page.getByText('scroll the chart sideways').first().isVisible()).toBe(false);
    expect(
      await phone.page.evaluate(
        '(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)(document.querySelector("#timeline .scroll"))',
      ),
    ).toBe(true);
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
    expect(first).toMatch(
      /Models tiny-dense, tiny-moe; on cpu; validation suite 1\.2\.3; InvarLock 0\.3\.7; lm-eval 0\.4\.\d+; torch/,
    );
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
    await opened.page.getByRole('button', { name: 'Dark theme' }).click();
    expect(await opened.page.evaluate('document.documentElement.dataset.theme')).toBe('dark');
    await using still = await open(url, { javaScriptEnabled: false });
    await still.page.getByRole('button', { name: /svd_rank32_stress of tiny-dense/ }).click();
    expect(await still.page.getByRole('dialog').first().isVisible()).toBe(true);
    expect(await still.page.locator('svg').count()).toBe(19);
  });
});

test(
  'edits that stand in every way: names of a legend, hollow marks, a guard that found nothing',
  { timeout: 60_000 },
  async () => {
    const findings = smokeFindings();
    const { analysis } = findings;
    const ways = ['missed', 'false_alarm', 'undecided', 'unlabelled', 'unjudged'] as const;
    const edits = analysis.edits.map((edit, index) => ({ ...edit, standing: ways[index] ?? edit.standing }));
    const guardRates = analysis.guardRates.map((rate) =>
      rate.detector === 'rmt_stable' ? { ...rate, comparedWith: 'baseline' as const } : rate,
    );
    const url = await report('every-way', { ...findings, analysis: { ...analysis, edits, guardRates } });
    await using opened = await open(url, { colorScheme: 'dark' });
    const { page } = opened;
    for (const chart of await chartFaults(page))
      expect(chart).toEqual({ label: chart.label, cut: 0, touching: [] });
    const correlation = page.locator('#correlation');
    expect(await correlation.locator('svg').first().locator('text').allTextContents()).toEqual(
      expect.arrayContaining(['undecided', 'no label', 'not judged']),
    );
    expect(await correlation.locator('[fill="#fff"]').count()).toBe(0);
    // What cannot be below 0 has no label there.
    const flips = await correlation.locator('[aria-label^="answers that flipped"] text').allTextContents();
    expect(flips).toContain('0');
    expect(flips.filter((text) => text.startsWith('-'))).toEqual([]);
    const first = await page.locator('#verdict').innerText();
    expect(first).toContain(
      'Found nothing: rmt compared with the baseline and flagged no harmful edit and no error',
    );
    expect(first).toContain('in these runs invariants and spectral compared the edited model with itself');
  },
);

test('files that are not there are no links; earlier findings are drawn', { timeout: 60_000 }, async () => {
  const workspace = join(root, 'restored');
  const rate = { hits: 3, of: 5 };
  const earlier = { status: 'REFUTED', sentence: 'it missed two', digest: 'd', specificity: rate };
  const lines = ['2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z'].map((at) =>
    JSON.stringify({ ...earlier, at, sensitivity: rate, error_detection: { hits: 0, of: 0 } }),
  );
  mkdirSync(join(workspace, 'output/smoke/reports'), { recursive: true });
  writeFileSync(join(workspace, 'output/smoke/reports/history.jsonl'), `${lines.join('\n')}\n`);
  const { path } = await makeReport(workspace, smokeFindings(), SMOKE_PLAN.cells);
  const text = readFileSync(join(workspace, path), 'utf8');
  expect(text.match(/log \(not here\)/g)?.length).toBeGreaterThan(100);
  expect(text).toContain('certificate (not here)');
  expect(text).not.toMatch(/href="[^"]*(?:log\.txt|cert\.json)"/);
  await using opened = await open(pathToFileURL(join(workspace, path)).href);
  const chart = opened.page.locator('#history svg');
  expect(await chart.locator('title').allTextContents()).toContain(
    '2: 2026-02-01: harmful edits flagged, 3 of 5 [14.7 to 94.7 %]',
  );
  expect(opened.problems).toEqual([]);
});

test('a report of 5,460 cells stays below 2 MB, and shows all of them', { timeout: 400_000 }, async () => {
  const many = manyTimes(smokeFindings(), 65);
  expect(many.cells).toHaveLength(5_460);
  const { path } = await makeReport(join(root, 'many'), many, SMOKE_PLAN.cells);
  const text = readFileSync(join(root, 'many', path), 'utf8');
  expect(Buffer.byteLength(text)).toBeLessThan(2_000_000);
  expect(text).toContain('shows it by script only');
  expect(text).toContain('130 models; on cpu');
  const url = pathToFileURL(join(root, 'many', path)).href;
  await using opened = await open(url);
  const { page, problems } = opened;
  page.setDefaultTimeout(120_000);
  await page.evaluate('document.getElementById("cells").scrollIntoView()');
  await page.locator('#cell-table').waitFor();
  expect(await page.locator('#cell-table tbody tr').count()).toBe(5_460);
  // By selectors: names and roles of so many elements take a browser long to find.
  await page.locator('[data-finds="cell-table"]').fill('tiny-moe-64. certify');
  expect(await page.locator('#cell-table-count').innerText()).toBe('6 of 5460');
  expect(await page.locator('[popover]').count()).toBe(0);
  await page.evaluate('location.hash = "cell-tiny-moe-64-prune_70pct_stress"');
  const panel = page.locator('#panel-tiny-moe-64-prune_70pct_stress');
  await panel.waitFor();
  expect(await panel.innerText()).toContain('certificate (not here) · log (not here)');
  await page.keyboard.press('Escape');
  // Of a model whose panels are still packed.
  await page.evaluate('document.querySelector("#cell-tiny-dense-3-quant_2bit_stress button").click()');
  await page.locator('#panel-tiny-dense-3-quant_2bit_stress').waitFor();
  expect(problems).toEqual([]);
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
