// Makes reports/report.html from what a verdict found; a report that would come out the same is left as it is.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from '../../base/canonical.js';
import { readIfThere, writeWhole } from '../../base/files.js';
import type { Findings } from '../analysis/findings.js';
import { readHistory } from '../outputs/history.js';
import type { PlannedCell } from '../read/expected.js';
import { editParameters, modelSettings } from './model-settings.js';

export interface MadeReport {
  /** Workspace-relative. */
  path: string;
  changed: boolean;
}

export const reportPath = (suite: string): string => `output/${suite}/reports/report.html`;

/** Drawing loads a chart library, so what it would draw is compared first, by a digest that stands in the page. */
export async function makeReport(
  workspaceRoot: string,
  findings: Findings,
  cells: readonly PlannedCell[],
): Promise<MadeReport> {
  const { suite } = findings.analysis;
  const path = reportPath(suite);
  const file = join(workspaceRoot, path);
  const content = {
    findings,
    settings: modelSettings(cells),
    parameters: editParameters(cells),
    description: descriptionOf(workspaceRoot, suite),
    history: readHistory(workspaceRoot, suite),
    absent: linkedFiles(findings).filter((file) => !existsSync(join(workspaceRoot, file))),
  };
  // NaN would be null in JSON, and so would a ratio that is missing.
  const facts = JSON.stringify(content, (_key, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value,
  );
  const key = sha256(`${codeDigest()}\n${facts}`);
  if (readIfThere(file)?.includes(`<meta name="report-key" content="${key}"`) === true) {
    return { path, changed: false };
  }
  const [{ renderPage }, { loadCharts }] = await Promise.all([
    import('./page.js'),
    import('./drawing/svg.js'),
  ]);
  writeWhole(file, renderPage({ ...content, key }, await loadCharts()));
  return { path, changed: true };
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

/** Of this folder's code: a newer tool makes its reports anew. */
function codeDigest(): string {
  const root = import.meta.dirname;
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.[jt]s$/.test(name))
    .sort();
  return sha256(files.map((name) => readFileSync(join(root, name), 'utf8')).join('\n'));
}

function descriptionOf(workspaceRoot: string, suite: string): string {
  const text = readIfThere(join(workspaceRoot, 'suites', suite, 'project.json'));
  try {
    const { metadata } = JSON.parse(text ?? '{}') as { metadata?: { description?: unknown } };
    return typeof metadata?.description === 'string' ? metadata.description : '';
  } catch {
    return '';
  }
}
