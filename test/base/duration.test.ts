import { expect, test } from 'vitest';
import { durationText } from '../../tools/base/duration.js';

test.each([
  [-3, '0 s'],
  [0.9, '0 s'],
  [59.9, '59 s'],
  [60, '1 min 00 s'],
  [192, '3 min 12 s'],
  [3_599, '59 min 59 s'],
  [7_530, '2 h 05 min'],
  [273_600, '3 d 04 h'],
])('%d seconds', (seconds, text) => {
  expect(durationText(seconds)).toBe(text);
});
