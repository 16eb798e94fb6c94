// The typical one of values of which some are far off.

/** The middle of the values, of an even number the upper of the two; 0 of none. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
