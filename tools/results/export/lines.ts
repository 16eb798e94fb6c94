// What an export says: what is in the zip and what is not, and why there is none.
import { sizeText } from '../../base/units.js';
import type { Listed } from './contents.js';
import type { FoundSecret } from './secrets.js';
import type { LeftOut } from './select.js';

export type PlacedSecret = FoundSecret & { path: string };

/** Named one by one. */
const MOST_NAMED = 20;

const FOLDERS: readonly [name: string, form: RegExp][] = [
  ['report, verdict', /^reports\//],
  ['tables', /^analysis\//],
  ['logs', /^logs\//],
  ['certificates', /\/certificates\//],
  ['evaluations', /\/evals\//],
  ['the rest (manifests, presets, state)', /^/],
];

/** A line for each kind of file, and one for each that stays here. */
export function overview(files: readonly Listed[], leftOut: readonly LeftOut[]): string[] {
  const rows = FOLDERS.map(([name]) => ({ name, count: 0, bytes: 0 }));
  for (const { path, bytes } of files) {
    const sum = rows[FOLDERS.findIndex(([, form]) => form.test(path))];
    if (sum === undefined) continue;
    sum.count += 1;
    sum.bytes += bytes;
  }
  const row = (name: string, count: number, bytes: number): string =>
    `  ${name.padEnd(46)} ${String(count).padStart(6)}  ${bytes === 0 ? '' : sizeText(bytes)}`.trimEnd();
  const lines = rows
    .filter(({ count }) => count > 0)
    .map(({ name, count, bytes }) => row(name, count, bytes));
  const rest = leftOut.map(({ what, files: count, bytes }) => row(`left out: ${what}`, count, bytes));
  return [...lines, ...rest];
}

export function homeLines(homes: readonly string[]): string[] {
  if (homes.length === 0) return [];
  return [
    `The path of your home stands in ${homes.length} results as they are (a receipt vouches for their bytes), such as ${homes[0] ?? ''}; in logs and the report it is ~`,
  ];
}

export function redactedLines(secrets: readonly PlacedSecret[]): string[] {
  if (secrets.length === 0) return [];
  const files = new Set(secrets.map(({ path }) => path));
  return [
    `${secrets.length} secrets in ${files.size} files are stars in the zip; here they are as they were`,
  ];
}

export function refusalLines(suite: string, secrets: readonly PlacedSecret[]): string[] {
  const named = secrets.slice(0, MOST_NAMED).map(({ path, line, what }) => `  ${path}:${line}: ${what}`);
  return [
    'Nothing was written: there is what looks like secrets in',
    ...named,
    ...(secrets.length > MOST_NAMED ? [`  and ${secrets.length - MOST_NAMED} more`] : []),
    `With stars in their place: npx nx run ${suite}:export --redact. Or take them out of the files; then change them where they are valid.`,
  ];
}
