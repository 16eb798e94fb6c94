// Units of memory and disk: what is planned and compared is in GiB, a single size in the unit that fits it.

/** Bytes of a GiB. */
export const GIB = 2 ** 30;

/** `812 B`, `3.4 KiB`, `120 MiB`, `5.2 GiB`: three figures at most. */
export function sizeText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  // 1023.6 of a unit would be written as 1024.
  while (value >= 1023.5 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 99.95 ? value.toFixed(0) : value.toFixed(1)} ${units[unit] ?? ''}`;
}
