// Time limits of jobs: the time-out, or less by what was measured.
import { expect, test } from 'vitest';
import { timeLimit } from '../../../tools/execution/engine/slurm/time-limit.js';

const HOUR = 3_600;

test.each([
  // [time-out, seconds of units, units, seconds, by measure]
  ['nothing was measured', 6 * HOUR, [], 1, 6 * HOUR, false],
  ['nothing was measured, and any time is given', 0, [], 1, 0, false],
  ['three times the longest, not the median', 6 * HOUR, [600, 1_200, 100], 1, 3_600, true],
  ['by its units', 6 * HOUR, [100], 10, 3_000, true],
  ['a quarter of an hour more at least', 6 * HOUR, [2], 1, 902, true],
  ['where it is given any time too', 0, [1_000], 1, 3_000, true],
  ['never above the time-out', HOUR, [1_300], 1, HOUR, false],
  ['nor equal to it', HOUR, [1_200], 1, HOUR, false],
  ['what is no number counts not', 6 * HOUR, [NaN, Infinity], 1, 6 * HOUR, false],
])('%s', (_, timeout, unitSeconds, units, seconds, isMeasured) => {
  expect(timeLimit(timeout, { unitSeconds, units }, false)).toEqual({ seconds, isMeasured });
});

test('a cell whose job reached a measured limit gets all its time', () => {
  expect(timeLimit(6 * HOUR, { unitSeconds: [600], units: 1 }, true)).toEqual({
    seconds: 6 * HOUR,
    isMeasured: false,
  });
});
