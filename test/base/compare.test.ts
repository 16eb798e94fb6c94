// The order of names.
import { expect, test } from 'vitest';
import { compareNumbered } from '../../tools/base/compare.js';

test('numbers in names count as numbers, with _ for the point', () => {
  const sorted = [
    ...['error_scale_explosion_3x', 'error_scale_explosion_10x', 'error_scale_explosion_30x'],
    ...['noise_0_15_all', 'noise_0_2_all', 'noise_0_2_ffn', 'noise_1_all'],
    ...['quant_2bit_g32_all', 'quant_2bit_g128_all', 'quant_8bit_clean', 'svd_rank8', 'svd_rank64'],
  ];
  expect(sorted.toReversed().sort(compareNumbered)).toEqual(sorted);
  expect(compareNumbered('a1', 'a1')).toBe(0);
  // No two names are equal that are not the same.
  expect(compareNumbered('a01', 'a1')).not.toBe(0);
  expect(compareNumbered('a', 'a1')).toBeLessThan(0);
});
