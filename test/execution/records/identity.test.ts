import { expect, test } from 'vitest';
import { versionsBeside, versionsOf } from '../../../tools/execution/records/identity.js';

const CPU = {
  torch: '2.15.0',
  transformers: '5.23.0',
  invarlock: '0.3.7',
  'lm-eval': '0.4.13',
  scipy: '1.17.0',
};
const GPU = { ...CPU, 'flash-attn': '2.8.3' };

test('flash attention belongs to what loads models on a GPU, and to nothing else', () => {
  expect(versionsOf('eval', GPU)).toEqual({
    torch: '2.15.0',
    transformers: '5.23.0',
    'lm-eval': '0.4.13',
    'flash-attn': '2.8.3',
  });
  for (const kind of ['calibrate', 'baseline', 'certify'] as const) {
    expect(versionsOf(kind, GPU)).toHaveProperty('flash-attn', '2.8.3');
  }
  for (const kind of ['setup', 'preset', 'edit', 'inject'] as const) {
    expect(versionsOf(kind, GPU)).toEqual(versionsOf(kind, CPU));
  }
  expect(versionsOf('eval', CPU)).not.toHaveProperty('flash-attn');
});

test('a verdict on another machine judges by the flash attention of the receipt', () => {
  expect(versionsBeside(CPU, { torch: '2.0.0', 'flash-attn': 'none' })).toEqual({
    ...CPU,
    'flash-attn': 'none',
  });
  expect(versionsBeside(CPU, { torch: '2.0.0' })).toEqual(CPU);
});
