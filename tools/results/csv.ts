// CSV by RFC 4180: CRLF line ends, fields quoted when they must be.

/** Absent is an empty field; NaN and infinities are written `NaN`, `Infinity`, `-Infinity`, as the certificate had them. */
export type CsvValue = string | number | boolean | null;

export function csvTable(columns: readonly string[], rows: readonly (readonly CsvValue[])[]): string {
  return [columns, ...rows].map((row) => `${row.map(csvField).join(',')}\r\n`).join('');
}

function csvField(value: CsvValue): string {
  if (value === null) return '';
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
