// Columns as wide as their widest cell.

/** Lines of a table; columns of numbers (by index) are right-aligned, the last column is never padded. */
export function table(rows: readonly (readonly string[])[], numbers: readonly number[] = []): string[] {
  const width = (column: number): number => Math.max(...rows.map((row) => (row[column] ?? '').length));
  const widths = (rows[0] ?? []).map((_, column) => width(column));
  return rows.map((row) =>
    row
      .map((cell, column) =>
        numbers.includes(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
}
