// CSV by RFC 4180: CRLF line ends, fields quoted when they must be. What a spreadsheet would take for a formula is text.
import { plain } from '../../../base/text/plain-text.js';

/** Absent is an empty field; NaN and infinities are written `NaN`, `Infinity`, `-Infinity`, as the certificate had them. */
export type CsvValue = string | number | boolean | null;

export function csvTable(columns: readonly string[], rows: readonly (readonly CsvValue[])[]): string {
  return [columns, ...rows].map((row) => `${row.map(csvField).join(',')}\r\n`).join('');
}

function csvField(value: CsvValue): string {
  if (value === null) return '';
  const text = typeof value === 'string' ? harmless(value) : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Spreadsheets compute a field that begins with one of these, also after blanks; an apostrophe makes it text. */
function harmless(text: string): string {
  const shown = plain(text);
  return /^\s*[=+\-@]/.test(shown) ? `'${shown}` : shown;
}

/** The last digits of what is iterated may differ from machine to machine. */
export function sixDigits(value: number): number {
  return Number(value.toPrecision(6));
}

const FIELD = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|\n|$)/y;

/**
 * Records of a CSV text by the names of its header line; every field is text.
 *
 * @throws Error naming the line that is no CSV, or that has another number of fields than the header.
 */
export function parseCsv(text: string): Record<string, string>[] {
  const [head = [], ...rows] = parseRows(text);
  return rows.map((row, index) => {
    if (row.length !== head.length) {
      throw new Error(`record ${index + 1} has ${row.length} fields, the header has ${head.length}`);
    }
    return Object.fromEntries(head.map((name, at) => [name, row[at] ?? '']));
  });
}

function parseRows(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (let at = 0; at < text.length; at = FIELD.lastIndex) {
    FIELD.lastIndex = at;
    const match = FIELD.exec(text);
    if (match === null) throw new Error(`record ${rows.length}: a quote stands where none may`);
    row.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    if (match[3] === ',') {
      if (FIELD.lastIndex === text.length) row.push('');
      else continue;
    }
    rows.push(row);
    row = [];
  }
  return rows;
}
