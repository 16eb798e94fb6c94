// reports/history.jsonl: the finding of every complete run whose results differ from the one before, one line each.
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { parseJson } from '../../base/json-value.js';
import { readIfThere } from '../../base/files.js';
import { sha256 } from '../../base/canonical.js';
import type { Findings } from '../analysis/findings.js';
import { findingJson } from './finding.js';

const rate = z.looseObject({ hits: z.number(), of: z.number() });
const entrySchema = z.looseObject({
  /** The end of the run's last cell, UTC. */
  at: z.string(),
  status: z.string(),
  sentence: z.string(),
  sensitivity: rate,
  specificity: rate,
  error_detection: rate,
  /** Of everything the finding says: a run that says the same adds no line. */
  digest: z.string(),
});
export type HistoryEntry = z.infer<typeof entrySchema>;

export const historyPath = (suite: string): string => `output/${suite}/reports/history.jsonl`;

/** Oldest first; lines that cannot be read are left out. */
export function readHistory(workspaceRoot: string, suite: string): HistoryEntry[] {
  const text = readIfThere(join(workspaceRoot, historyPath(suite))) ?? '';
  return text.split('\n').flatMap((line) => parseJson(entrySchema, line) ?? []);
}

/**
 * Note the finding of a complete run, unless the last line says the same. One write of one line: two runs that end
 * together leave two whole lines. A disk that takes none costs the history, not the verdict.
 *
 * @returns what was there before that differs, the newest; undefined for a first or an unchanged finding.
 */
export function noteFinding(
  workspaceRoot: string,
  { analysis, records }: Findings,
): HistoryEntry | undefined {
  if (!analysis.complete) return undefined;
  const finding = findingJson(analysis);
  const at =
    records
      .map(({ endedAt }) => endedAt)
      .sort()
      .at(-1) ?? '';
  const digest = sha256(JSON.stringify(finding));
  const before = readHistory(workspaceRoot, analysis.suite).at(-1);
  if (before?.digest === digest) return undefined;
  const { status, sentence, sensitivity, specificity, error_detection } = finding;
  const line = JSON.stringify({ at, status, sentence, sensitivity, specificity, error_detection, digest });
  const path = join(workspaceRoot, historyPath(analysis.suite));
  try {
    // A line that a full disk cut short ends here.
    const torn = (readIfThere(path) ?? '\n').endsWith('\n') ? '' : '\n';
    appendFileSync(path, `${torn}${line}\n`);
  } catch {
    return before;
  }
  return before;
}
