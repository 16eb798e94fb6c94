// What stands in a zip beside the results: a list of its files with their digests, and where to begin reading.
import { sha256 } from '../../base/canonical.js';
import type { LeftOut } from './select.js';

export interface Listed {
  path: string;
  bytes: number;
  sha256: string;
  /** How it differs from the file it was made of. */
  changed?: string;
}

export function listed(path: string, bytes: Buffer, changes: readonly string[]): Listed {
  return {
    path,
    bytes: bytes.length,
    sha256: sha256(bytes),
    ...(changes.length === 0 ? {} : { changed: changes.join(', ') }),
  };
}

export interface Contents {
  suite: string;
  /** When the last cell ended. */
  asOf: string | undefined;
  files: readonly Listed[];
  leftOut: readonly LeftOut[];
}

export function contentsJson({ suite, asOf, files, leftOut }: Contents): string {
  return `${JSON.stringify({ schema: 1, suite, as_of: asOf ?? null, files, left_out: leftOut }, null, 2)}\n`;
}

export function readMe({ suite, asOf, leftOut }: Contents): string {
  const lines = [
    `Validation suite ${suite}${asOf === undefined ? '' : `, as of ${asOf.slice(0, 19).replace('T', ' ')} UTC, the end of its last cell`}`,
    '',
    'reports/report.html         open this one: everything, in one page without a network',
    'reports/final_verdict.txt   the verdict as text; final_verdict.json and junit.xml for programs',
    'analysis/                   tables (CSV) and summaries (JSON)',
    '<model>/certificates/       what each InvarLock run said, with receipts',
    '<model>/evals/              outcomes of the benchmarks',
    'logs/                       the log of each attempt of each cell',
    'contents.json               every file with its SHA-256; what was changed for sending, and what was left out',
  ];
  const rest = leftOut.map(({ what, files }) => `${files} ${what}`);
  return [...lines, ...(rest.length === 0 ? [] : ['', `Left out: ${rest.join('; ')}.`]), ''].join('\n');
}
