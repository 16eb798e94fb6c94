// Makes reports/report.html from what a verdict found; a report that would come out the same is left as it is.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from '../../base/canonical.js';
import { digestDirectory, readIfThere, writeWhole } from '../../base/files.js';
import type { Findings } from '../analysis/findings.js';
import { readHistory } from '../outputs/history.js';
import type { PlannedCell } from '../read/expected.js';
import { editParameters, modelSettings } from './model-settings.js';
import type { Page } from './page.js';

export interface MadeReport {
  /** Workspace-relative. */
  path: string;
  changed: boolean;
  /** Files that it links, by workspace path: whether they are there. */
  linked: Readonly<Record<string, boolean>>;
}

export const reportPath = (suite: string): string => `output/${suite}/reports/report.html`;

/** Drawing loads a chart library, so what it would draw is compared first, by a digest that stands in the page. */
export async function makeReport(
  workspaceRoot: string,
  findings: Findings,
  cells: readonly PlannedCell[],
): Promise<MadeReport> {
  const path = reportPath(findings.analysis.suite);
  const file = join(workspaceRoot, path);
  const linked = Object.fromEntries(
    linkedFiles(findings).map((one) => [one, existsSync(join(workspaceRoot, one))]),
  );
  const content = contentOf(workspaceRoot, findings, cells, (one) => linked[one] === true);
  // NaN would be null in JSON, and so would a ratio that is missing.
  const facts = JSON.stringify(content, (_key, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value,
  );
  // With this folder's code: a newer tool makes its reports anew.
  const key = sha256(`${await digestDirectory(import.meta.dirname)}\n${facts}`);
  if (readIfThere(file)?.includes(`<meta name="report-key" content="${key}"`) === true) {
    return { path, changed: false, linked };
  }
  writeWhole(file, await draw({ ...content, key }));
  return { path, changed: true, linked };
}

/** The report for a place where other files are than here. `last` is done to it before a part of it is packed. */
export async function reportFor(
  workspaceRoot: string,
  findings: Findings,
  cells: readonly PlannedCell[],
  { isThere, last }: { isThere: (path: string) => boolean; last: (page: string) => string },
): Promise<string> {
  return draw({ ...contentOf(workspaceRoot, findings, cells, isThere), key: '', last });
}

async function draw(page: Page): Promise<string> {
  const [{ renderPage }, { loadCharts }] = await Promise.all([
    import('./page.js'),
    import('./drawing/svg.js'),
  ]);
  return renderPage(page, await loadCharts());
}

function contentOf(
  workspaceRoot: string,
  findings: Findings,
  cells: readonly PlannedCell[],
  isThere: (path: string) => boolean,
): Omit<Page, 'key' | 'last'> {
  const { suite } = findings.analysis;
  return {
    findings,
    settings: modelSettings(cells),
    parameters: editParameters(cells),
    description: descriptionOf(workspaceRoot, suite),
    version: versionOf(workspaceRoot),
    history: readHistory(workspaceRoot, suite),
    absent: linkedFiles(findings).filter((file) => !isThere(file)),
  };
}

/** Certificates, logs, and files that are named as missing. */
function linkedFiles({ analysis, records, faults }: Findings): string[] {
  return [
    ...new Set([
      ...analysis.certificates.map(({ path }) => path),
      ...records.flatMap(({ attempts }) => attempts.at(-1)?.log ?? []),
      ...faults.flatMap(({ log }) => log ?? []),
      ...analysis.missing.map(({ path }) => path),
    ]),
  ];
}

function descriptionOf(workspaceRoot: string, suite: string): string {
  const metadata = fieldOf(join(workspaceRoot, 'suites', suite, 'project.json'), 'metadata');
  const { description } = Object(metadata) as { description?: unknown };
  return typeof description === 'string' ? description : '';
}

function versionOf(workspaceRoot: string): string {
  const version = fieldOf(join(workspaceRoot, 'package.json'), 'version');
  return typeof version === 'string' ? version : '';
}

/** Undefined where there is no such file, or it is torn. */
function fieldOf(path: string, name: string): unknown {
  try {
    return (JSON.parse(readIfThere(path) ?? '{}') as Record<string, unknown>)[name];
  } catch {
    return undefined;
  }
}
