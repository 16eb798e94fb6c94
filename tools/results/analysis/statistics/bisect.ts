// Bisection, of which intervals that have no formula are made.

/** Where a condition that holds from `outer` on ends on the way to `inner`; `outer` where it does not hold there. */
export function bisect(outer: number, inner: number, holds: (value: number) => boolean): number {
  let [out, inside] = [outer, inner];
  for (let step = 0; step < 60; step += 1) {
    const middle = (out + inside) / 2;
    if (holds(middle)) out = middle;
    else inside = middle;
  }
  return (out + inside) / 2;
}
