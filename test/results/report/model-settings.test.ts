// What the matrix says of an edit or an error beside its name.
import { expect, test } from 'vitest';
import { editParameters } from '../../../tools/results/report/model-settings.js';
import type { PlannedCell } from '../../../tools/results/read/expected.js';

type Part = PlannedCell['parts'][number];

const cell = (kind: PlannedCell['kind'], id: string, parts: Pick<Part, 'name' | 'spec'>[]): PlannedCell => ({
  ...{ id, kind, model: 'm' },
  parts: parts.map((part) => ({ ...part, reads: {}, writes: [], receipt: 'r' }) as unknown as Part),
});

test('of edits of a batch and of errors with a strength; nothing of an error without', () => {
  const quant = (bits: number): Part['spec'] => ({ type: 'quant_rtn', bits, group_size: 64 });
  expect(
    editParameters([
      cell('edit', 's.m.edits:edit', [
        { name: 'q8', spec: quant(8) },
        { name: 'q2', spec: quant(2) },
      ]),
      cell('edit', 's.n.q8:edit', [{ name: 'q8', spec: { ...quant(8), group_size: 32 } }]),
      cell('inject', 's.m.error_scale_10x:inject', [
        { name: 'inject', spec: { error: 'scale_explosion', factor: 10 } },
      ]),
      cell('inject', 's.m.error_nan_injection:inject', [
        { name: 'inject', spec: { error: 'nan_injection' } },
      ]),
      cell('eval', 's.m.q8:eval', [{ name: 'eval', spec: { limit: 3 } }]),
    ]),
  ).toEqual({
    q8: ['quant_rtn, bits 8, group size 64', 'quant_rtn, bits 8, group size 32'],
    q2: ['quant_rtn, bits 2, group size 64'],
    error_scale_10x: ['scale_explosion, factor 10'],
  });
});
