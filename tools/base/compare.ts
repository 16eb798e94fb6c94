// The order of texts wherever one is written down.

/** Code-unit order: the same on every machine, whatever its locale. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Names with numbers in them by these: 3x before 10x, 0_15 (0.15) before 0_2. */
export function compareNumbered(a: string, b: string): number {
  const [ones, others] = [a, b].map((name) => name.split(/(\d+(?:_\d+)?)/));
  for (const [at, one] of (ones ?? []).entries()) {
    const other = others?.[at];
    if (other === undefined || one === other) continue;
    // What stands between the parentheses above is at odd places.
    const number = (text: string): number => Number(text.replace('_', '.'));
    return (at % 2 === 1 ? number(one) - number(other) : 0) || compare(one, other);
  }
  return compare(a, b);
}
