// Which files of an output tree are sent: results, receipts, tables, verdict, report and logs. Weights are links and stay, as do
// what programs leave beside a log and what is being written.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { compare } from '../../base/compare.js';

export interface SelectedFile {
  /** Below `output/<suite>/`. */
  path: string;
  bytes: number;
}

export interface LeftOut {
  what: string;
  files: number;
  bytes: number;
}

export interface Selection {
  files: SelectedFile[];
  leftOut: LeftOut[];
}

/** A larger file is nothing that is read in a mail; it would also have to be held in memory to be looked through. */
export const LARGEST_FILE = 2 ** 28;

type Verdict = 'sent' | 'weights' | 'by-products' | 'too large' | 'not a file' | 'unfinished';

const SAYS: Readonly<Record<Exclude<Verdict, 'sent' | 'unfinished'>, string>> = {
  weights: 'links to weights',
  'by-products': 'by-products of cells beside their logs',
  'too large': 'larger than 256 MiB',
  'not a file': 'no regular files',
};

/** @param root `output/<suite>`; sorted by path, so that two exports of one tree are alike. */
export function selectFiles(root: string): Selection {
  const files: SelectedFile[] = [];
  const leftOut = new Map<string, LeftOut>();
  for (const { path, kind } of walk(root, '')) {
    const bytes = kind === 'file' ? (statSync(join(root, path), { throwIfNoEntry: false })?.size ?? -1) : 0;
    // Replaced or deleted this instant.
    if (bytes < 0) continue;
    const verdict = judge(path, kind, bytes);
    if (verdict === 'sent') files.push({ path, bytes });
    else if (verdict !== 'unfinished') {
      const what = SAYS[verdict];
      const sum = leftOut.get(what) ?? { what, files: 0, bytes: 0 };
      leftOut.set(what, { what, files: sum.files + 1, bytes: sum.bytes + bytes });
    }
  }
  files.sort((a, b) => compare(a.path, b.path));
  return { files, leftOut: [...leftOut.values()].sort((a, b) => compare(a.what, b.what)) };
}

type Kind = 'file' | 'link' | 'other';

function* walk(root: string, below: string): Generator<{ path: string; kind: Kind }> {
  for (const entry of readdirSync(join(root, below), { withFileTypes: true })) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) yield* walk(root, path);
    else yield { path, kind: entry.isFile() ? 'file' : entry.isSymbolicLink() ? 'link' : 'other' };
  }
}

function judge(path: string, kind: Kind, bytes: number): Verdict {
  if (path.endsWith('.tmp')) return 'unfinished';
  if (kind !== 'file') return kind === 'link' ? 'weights' : 'not a file';
  if (path.startsWith('logs/') && !/\/log\.txt$|^logs\/[^/]+\.log$/.test(path)) return 'by-products';
  return bytes > LARGEST_FILE ? 'too large' : 'sent';
}
