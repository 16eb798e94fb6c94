// The reference's memory plan by name, worked by hand.
import { expect, test } from 'vitest';
import { requiredGiB, requiredGpus, usesAccelerator } from '../../tools/suite/memory.js';
import { basePriority } from '../../tools/suite/priority.js';

test('base × multiplier × margin', () => {
  expect(requiredGiB('certify', '7b')).toBeCloseTo(14 * 1.1 * 1.1, 10);
  expect(requiredGiB('eval', 'moe')).toBeCloseTo(90 * 1.2 * 1.1, 10);
  expect(requiredGiB('certify', '70b')).toBeCloseTo(140 * 1.05 * 1.05, 10);
  expect(requiredGiB('eval', '70b')).toBeCloseTo(140 * 1.1 * 1.05, 10);
});

test('GPUs for it', () => {
  expect([1, 80, 80.1, 161.7].map((gib) => requiredGpus(gib, 80))).toEqual([1, 1, 2, 3]);
});

test('downloads, presets and edits take no GPU', () => {
  expect((['setup', 'preset', 'edit', 'inject'] as const).some(usesAccelerator)).toBe(false);
  expect((['calibrate', 'eval', 'certify'] as const).every(usesAccelerator)).toBe(true);
});

test('base priorities are the reference’s', () => {
  expect(basePriority('setup', 'baseline')).toBe(90);
  expect(basePriority('calibrate', 'baseline')).toBe(85);
  expect(basePriority('eval', 'baseline')).toBe(80);
  expect(basePriority('preset', 'baseline')).toBe(75);
  expect(basePriority('edit', 'edits')).toBe(70);
  expect(basePriority('eval', 'quant_8bit_clean')).toBe(65);
  expect(basePriority('certify', 'quant_8bit_clean')).toBe(65);
  expect(basePriority('inject', 'error_nan_injection')).toBe(60);
  expect(basePriority('certify', 'error_nan_injection')).toBe(55);
});
