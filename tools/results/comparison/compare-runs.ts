// Reads the analysis files of two runs, compares them, and writes reports/comparison.txt and .json.
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../../base/message.js';
import { plain } from '../../base/text/plain-text.js';
import { readRegular, writeWhole } from '../../base/files.js';
import { compareRuns, type RunTables } from './comparison.js';
import { comparisonText } from './comparison-text.js';
import { parseCsv } from '../outputs/tables/csv.js';
import { OUTPUTS } from '../outputs/index.js';
import { json } from '../outputs/parts.js';

const rate = z.looseObject({
  metrics: z.looseObject({ accuracy: z.number().nullable(), error_detection_rate: z.number().nullable() }),
  verdict: z.string(),
  complete: z.boolean(),
  total_tests: z.number().int().min(0),
  total_errors: z.number().int().min(0),
});

/**
 * @param other directory of the other run: a copy of `output/<suite>`.
 * @returns lines to print.
 * @throws Error naming the file that is missing or no analysis file, and what to do.
 */
export function compareWith(workspaceRoot: string, suite: string, other: string): string[] {
  const own = join(workspaceRoot, 'output', suite);
  const comparison = compareRuns(readTables(other), readTables(own));
  const text = comparisonText(suite, other, comparison);
  writeWhole(join(own, 'reports/comparison.txt'), plain(text));
  writeWhole(join(own, 'reports/comparison.json'), json({ schema: 1, suite, with: other, ...comparison }));
  return [...text.trimEnd().split('\n'), `  output/${suite}/reports/comparison.txt`];
}

function readTables(root: string): RunTables {
  const verdict = read(root, OUTPUTS.json.path, (text) => rate.parse(JSON.parse(text)));
  const evaluations = read(root, OUTPUTS.evaluations.path, parseCsv);
  const certificates = read(root, OUTPUTS.certificates.path, parseCsv);
  const { accuracy, error_detection_rate: detection } = verdict.metrics;
  return {
    verdict: verdict.verdict,
    complete: verdict.complete,
    accuracy: counted(accuracy, verdict.total_tests),
    errorDetection: counted(detection, verdict.total_errors),
    evaluations: new Map(
      evaluations.flatMap((row) => {
        const [value, n] = [number(row.value), number(row.n)];
        if (value === null || n === null || n === 0) return [];
        return [[name(row, row.benchmark), { value, n }] as const];
      }),
    ),
    certificates: new Map(
      certificates.map((row) => {
        const [low, high] = [number(row.pm_ci_low), number(row.pm_ci_high)];
        return [
          name(row, row.run),
          {
            ratio: number(row.pm_ratio),
            interval: low === null || high === null ? null : { low, high },
            flagged: row.flagged ?? '',
            triage: row.triage ?? '',
            state: row.state ?? '',
          },
        ] as const;
      }),
    ),
  };
}

function name({ model = '', edit_type: variant = '' }: Record<string, string>, last = ''): string {
  return `${model}/${variant}/${last}`;
}

function counted(share: number | null, of: number): { hits: number; of: number } {
  return { hits: Math.round((share ?? 0) * of), of };
}

/** Null for an empty field and for what is not finite. */
function number(field: string | undefined): number | null {
  const value = Number(field === undefined || field === '' ? NaN : field);
  return Number.isFinite(value) ? value : null;
}

function read<T>(root: string, path: string, parse: (text: string) => T): T {
  const file = join(root, path);
  try {
    return parse(readRegular(file).toString());
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const what = missing
      ? 'does not exist'
      : `is no analysis file (${messageOf(error).split('\n')[0] ?? ''})`;
    throw new Error(
      `${file} ${what}. --with takes a copy of an output/<suite> directory in which a verdict was made.`,
    );
  }
}
