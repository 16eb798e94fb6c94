// The typical one of values of which some are far off.

/** The middle of the values, of an even number the upper of the two; 0 of none. */
export function median(values: readonly number[]): number {
  return weightedMedian(values.map((value) => ({ value, weight: 1 })));
}

/** Likewise where each value counts by its weight. */
export function weightedMedian(values: readonly { value: number; weight: number }[]): number {
  const sorted = values.toSorted((a, b) => a.value - b.value);
  const half = sorted.reduce((sum, { weight }) => sum + weight, 0) / 2;
  let reached = 0;
  const found = sorted.find(({ weight }) => {
    reached += weight;
    return reached > half;
  });
  return found?.value ?? 0;
}
