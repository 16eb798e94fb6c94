// The clock of waits, beats and graces: milliseconds since boot, the same for every process of the host, and no jumps.

/** CLOCK_MONOTONIC: a wall clock that is set back or forth changes nothing that is measured by it. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}
