// The thin shell: reads the output tree, analyses it, writes what changed.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { readIfThere, writeWhole } from '../base/files.js';
import { type Analysis, analyse } from './analyse.js';
import { rateText } from './format.js';
import type { VerdictPlan } from './plan.js';
import { readResults } from './read.js';
import type { CellKnowledge } from './receipts.js';
import { correlationJson, verdictJson } from './report-json.js';
import { headline, verdictText } from './report-text.js';
import { certificatesCsv, evaluationsCsv } from './tables.js';

export interface WriteVerdictOptions {
  workspaceRoot: string;
  plan: VerdictPlan;
  /** What the caller knows of failed and outdated cells. */
  known?: CellKnowledge;
  /** Pause before a second look at what is absent or torn. */
  retryAfterMs?: number;
}

export interface WrittenVerdict {
  complete: boolean;
  verdict: 'PHASE0_VALIDATED' | 'PHASE0_FAILED' | 'INCOMPLETE';
  /** To print. */
  lines: string[];
  /** Workspace-relative paths of all result files that now stand, of those that changed, and of those removed. */
  paths: string[];
  changed: string[];
  removed: string[];
  analysis: Analysis;
}

/** Makes the verdict from whatever is there. Running it again on the same tree writes nothing. */
export async function writeVerdict(options: WriteVerdictOptions): Promise<WrittenVerdict> {
  const { workspaceRoot, plan } = options;
  const files = await readResults(workspaceRoot, plan, options.retryAfterMs ?? 150);
  const analysis = analyse(plan, files, options.known);
  const contents = renderVerdict(analysis);
  const changed: string[] = [];
  const removed: string[] = [];
  for (const [path, content] of contents) {
    if (writeIfChanged(join(workspaceRoot, path), content)) changed.push(path);
  }
  // A merged file whose parts are no longer all there would tell of an earlier suite.
  for (const { path, value } of analysis.merged) {
    if (value === null && removeIfThere(join(workspaceRoot, path))) removed.push(path);
  }
  return {
    complete: analysis.complete,
    verdict: analysis.complete ? analysis.phase0.verdict : 'INCOMPLETE',
    lines: summaryLines(analysis),
    paths: [...contents.keys()],
    changed,
    removed,
    analysis,
  };
}

/** The files of a verdict, by workspace-relative path. */
export function renderVerdict(analysis: Analysis): Map<string, string> {
  const paths = verdictPaths(analysis.suite);
  const contents = new Map<string, string>();
  for (const { path, value } of analysis.merged) {
    if (value !== null) contents.set(path, `${JSON.stringify(value, null, 2)}\n`);
  }
  contents.set(paths.evaluations, evaluationsCsv(analysis.evaluations));
  contents.set(paths.certificates, certificatesCsv(analysis.certificates));
  contents.set(paths.correlation, correlationJson(analysis));
  contents.set(paths.json, verdictJson(analysis));
  contents.set(paths.text, verdictText(analysis, Object.values(paths)));
  return contents;
}

export function verdictPaths(
  suite: string,
): Record<'evaluations' | 'certificates' | 'correlation' | 'json' | 'text', string> {
  const root = `output/${suite}`;
  return {
    evaluations: `${root}/analysis/eval_results.csv`,
    certificates: `${root}/analysis/invarlock_results.csv`,
    correlation: `${root}/analysis/correlation_analysis.json`,
    json: `${root}/reports/final_verdict.json`,
    text: `${root}/reports/final_verdict.txt`,
  };
}

function summaryLines(analysis: Analysis): string[] {
  const paths = verdictPaths(analysis.suite);
  const missed = analysis.errors.filter((error) => error.detected === false).length;
  const { counts } = analysis.confusion;
  return [
    `${analysis.suite}: ${headline(analysis)}`,
    `  accuracy         ${rateText(analysis.confusion.accuracy, 'edits judged')}`,
    `  error detection  ${rateText(analysis.errorDetection, 'errors judged')}`,
    `  missed edits ${counts.FALSE_NEGATIVE}, false alarms ${counts.FALSE_POSITIVE}, missed errors ${missed}, ` +
      `inconclusive ${counts.INCONCLUSIVE}`,
    ...Object.values(paths).map((path) => `  ${path}`),
  ];
}

function writeIfChanged(path: string, content: string): boolean {
  if (readIfThere(path) === content) return false;
  writeWhole(path, content);
  return true;
}

function removeIfThere(path: string): boolean {
  if (readIfThere(path) === undefined) return false;
  rmSync(path, { force: true });
  return true;
}
