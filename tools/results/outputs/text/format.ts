// Numbers and columns for people: 80 columns wide, plain characters.
import type { Rate } from '../../analysis/statistics/confusion.js';

export const WIDTH = 80;

/** `1.0402`, `5.30e+9`, `NaN`, `-` when absent. */
export function ratioText(value: number | null): string {
  if (value === null) return '-';
  return Math.abs(value) < 1e5 ? value.toFixed(4) : value.toExponential(2);
}

/** Accuracy change in percentage points: `-16.4`, `+0.8`. */
export function pointsText(delta: number | null): string {
  if (delta === null) return '-';
  const text = (100 * delta).toFixed(1);
  return delta > 0 ? `+${text}` : text;
}

function percentText(value: number | null): string {
  return value === null ? '-' : `${(100 * value).toFixed(1)} %`;
}

/** `81.8 %   [52.3 to 94.9]   9 of 11 edits right`. */
export function rateText(rate: Rate, what: string): string {
  if (rate.of === 0) return `-        no ${what}`;
  return `${intervalText(rate).padEnd(25)}  ${rate.hits} of ${rate.of} ${what}`;
}

/** `3/4 [30.1 to 95.4]`, `-` of none: short enough for a column. */
export function shareText({ hits, of, interval: { low, high } }: Rate): string {
  if (of === 0) return '-';
  return `${hits}/${of} [${(100 * low).toFixed(0)} to ${(100 * high).toFixed(0)}]`;
}

/** Without the counts: F1 is no proportion. */
export function intervalText({ value, interval: { low, high } }: Rate): string {
  if (value === null) return '-';
  const interval = `${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)}`;
  return `${percentText(value).padEnd(8)} [${interval}]`;
}

export function upperFirst(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

/** Columns as wide as their widest cell; the last is wrapped, below itself where there is room. */
export function columns(rows: readonly (readonly string[])[], indent = 2): string[] {
  const widths = (rows[0] ?? []).map((_, index) => Math.max(...rows.map((row) => (row[index] ?? '').length)));
  return rows.flatMap((row) => {
    const head = row.slice(0, -1).map((cell, index) => cell.padEnd(widths[index] ?? 0));
    const start = `${' '.repeat(indent)}${head.join('  ')}  `;
    const room = WIDTH - start.length;
    const [first = '', ...rest] = wrap((row.at(-1) ?? '').split(' '), room);
    return [`${start}${first}`.trimEnd(), ...rest.map((line) => `${' '.repeat(start.length)}${line}`)];
  });
}

/** Words in lines of at most `width`; a longer word keeps a line of its own, whole. */
export function wrap(words: readonly string[], width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of words) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return line === '' ? lines : [...lines, line];
}
