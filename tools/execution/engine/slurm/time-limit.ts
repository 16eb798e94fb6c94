// How long the job of a cell may take: its time-out, or less where cells of its like were measured. Pure.
import type { TimeLimit } from '../engine.js';

/** Other nodes are slower, disks are shared, and cells of one kind differ. */
const TIMES = 3;
/** The least that is left for all that is not the cell's own computing. */
const LEAST_MARGIN_S = 900;

/**
 * Short limits are served sooner by backfill.
 *
 * @param timeoutSeconds of the cell; 0: any.
 * @param unitSeconds what units of its kind and model took, the latest ones.
 * @param wasCut a job of it reached a measured limit already.
 */
export function timeLimit(
  timeoutSeconds: number,
  { unitSeconds, units }: { unitSeconds: readonly number[]; units: number },
  wasCut: boolean,
): TimeLimit {
  const longest = units * Math.max(0, ...unitSeconds.filter(Number.isFinite));
  const measured = Math.ceil(Math.max(TIMES * longest, longest + LEAST_MARGIN_S));
  const isShorter = timeoutSeconds === 0 || measured < timeoutSeconds;
  return longest > 0 && isShorter && !wasCut
    ? { seconds: measured, isMeasured: true }
    : { seconds: timeoutSeconds, isMeasured: false };
}
