// The original script's memory plan by name, worked by hand.
import { expect, test } from 'vitest';
import { usableGiB } from '../../../tools/execution/lease/policy/fit.js';
import { grant } from '../../../tools/execution/lease/policy/grant.js';
import { SIZE_CLASSES } from '../../../tools/suite/model/cell.js';
import { place } from '../../../tools/suite/memory/memory-plan.js';
import { requiredGiB, usesAccelerator } from '../../../tools/suite/memory/memory.js';
import { basePriority } from '../../../tools/suite/plan/priority.js';
import { loadSiteSettings } from '../../../tools/suite/settings/settings.js';
import { gpu, state, ticket } from '../../execution/lease/builders.js';

const settings = loadSiteSettings('/nowhere', {});

test('base × multiplier × margin', () => {
  expect(requiredGiB('certify', '7b')).toBeCloseTo(14 * 1.1 * 1.1, 10);
  expect(requiredGiB('eval', 'moe')).toBeCloseTo(90 * 1.2 * 1.1, 10);
  expect(requiredGiB('certify', '70b')).toBeCloseTo(140 * 1.05 * 1.05, 10);
  expect(requiredGiB('eval', '70b')).toBeCloseTo(140 * 1.1 * 1.05, 10);
});

test('downloads, presets and errors take no GPU', () => {
  expect((['setup', 'preset', 'inject'] as const).some(usesAccelerator)).toBe(false);
  expect((['calibrate', 'baseline', 'eval', 'edit', 'certify'] as const).every(usesAccelerator)).toBe(true);
});

test('base priorities are the original script’s', () => {
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

// What nvidia-smi calls total and free on an idle card, in GiB.
test.each([
  ['24 GB', 24, 23.6],
  ['A100 40 GB', 40, 39.5],
  ['H100 80 GB', 81559 / 1024, 81079 / 1024],
  ['H200 141 GB', 143771 / 1024, 143156 / 1024],
  ['B200 180 GB', 183359 / 1024, 182000 / 1024],
])('eight idle %s cards take every cell of every size', (_, totalGiB, freeGiB) => {
  const gpus = Array.from({ length: 8 }, (_, index) => gpu(index, { totalGiB, freeGiB }));
  const limits = { gpus: gpus.map(({ uuid }) => uuid), cpuSlots: 1 };
  for (const sizeClass of SIZE_CLASSES) {
    for (const kind of ['calibrate', 'eval', 'certify'] as const) {
      const gib = requiredGiB(kind, sizeClass);
      const need = { device: 'gpu' as const, gib, ramGiB: 1, hostGiB: gib, from: 'name' as const };
      const placed = place(need, { count: 8, usableGiB: usableGiB(totalGiB) }, settings);
      const { gpus: count, gibPerGpu } = placed;
      expect(placed.fits).toBe(true);
      const wanting = ticket('t', { needs: { gpus: count, gibPerGpu }, limits });
      expect(grant(state({ gpus, tickets: [wanting] }), 0).grants, `${kind} of ${sizeClass}`).toHaveLength(1);
    }
  }
});
