// The thin shell: reads the output tree, analyses it, writes what changed.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { readIfThere, writeWhole } from '../base/files.js';
import { type Analysis, analyse } from './analysis/analyse.js';
import { cellResults } from './analysis/cell-results.js';
import type { Findings } from './analysis/findings.js';
import type { FaultRecord } from '../execution/records/fault-log.js';
import { memoryRows } from './analysis/memory.js';
import { rateText } from './outputs/text/format.js';
import { outputPaths, OUTPUTS } from './outputs/index.js';
import { json } from './outputs/parts.js';
import type { MemoryPlan } from './analysis/memory.js';
import type { VerdictPlan } from './read/expected.js';
import { readResults } from './read/read.js';
import type { CellKnowledge } from './read/receipts.js';
import { cellRecords } from './read/records.js';
import { findingSentence, originalRule } from './outputs/text/finding-text.js';
import { finishedLine, headline } from './outputs/text/verdict-text.js';

export interface WriteVerdictOptions {
  workspaceRoot: string;
  plan: VerdictPlan;
  /** What the caller knows of failed and outdated cells. */
  known?: CellKnowledge;
  memory?: readonly MemoryPlan[];
  faults?: readonly FaultRecord[];
  unreadableFaults?: number;
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
  findings: Findings;
}

/** Makes the verdict from whatever is there. Running it again on the same tree writes nothing. */
export async function writeVerdict(options: WriteVerdictOptions): Promise<WrittenVerdict> {
  const { workspaceRoot, plan } = options;
  const files = await readResults(workspaceRoot, plan, options.retryAfterMs ?? 150);
  const analysis = analyse(plan, files, options.known);
  const records = cellRecords(plan, files);
  const cells = cellResults(plan, analysis, records);
  const findings: Findings = {
    ...{ analysis, cells, records, faults: options.faults ?? [] },
    memory: memoryRows(options.memory ?? [], cells),
    unreadableFaults: options.unreadableFaults ?? 0,
  };
  const contents = renderVerdict(findings);
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
    findings,
  };
}

/** The files of a verdict, by workspace-relative path. */
export function renderVerdict(findings: Findings): Map<string, string> {
  const { analysis } = findings;
  const paths = outputPaths(analysis.suite);
  const contents = new Map<string, string>();
  for (const { path, value } of analysis.merged) {
    if (value !== null) contents.set(path, json(value));
  }
  for (const [name, path] of Object.entries(paths)) {
    contents.set(path, OUTPUTS[name as keyof typeof OUTPUTS].render(findings, Object.values(paths)));
  }
  return contents;
}

function summaryLines(analysis: Analysis): string[] {
  const { text, json } = outputPaths(analysis.suite);
  const { finding } = analysis;
  return [
    `${analysis.suite}: ${headline(analysis)}`,
    analysis.complete ? `  ${finishedLine(analysis)}` : `  so far: ${findingSentence(analysis)}`,
    `  harmful edits flagged      ${rateText(finding.sensitivity, 'harmful edits')}`,
    `  harmless edits left alone  ${rateText(finding.specificity, 'harmless edits')}`,
    `  harmful errors flagged     ${rateText(finding.errorDetection, 'errors shown harmful')}`,
    `  ${originalRule(analysis)}`,
    ...[text, json].map((path) => `  ${path}`),
  ];
}

export function writeIfChanged(path: string, content: string): boolean {
  if (readIfThere(path) === content) return false;
  writeWhole(path, content);
  return true;
}

function removeIfThere(path: string): boolean {
  if (readIfThere(path) === undefined) return false;
  rmSync(path, { force: true });
  return true;
}
