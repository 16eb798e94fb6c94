import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  editName,
  formatEdit,
  parseNotation,
  SCOPES,
  type EditSpec,
} from '../../../tools/suite/model/edit-spec.js';
import { editNameProblem } from '../../../tools/suite/model/names.js';
import { nameOfEdit } from '../../../tools/suite/load/resolve.js';
import { editOf } from '../../../tools/suite/load/edits/edit-schema.js';

const editSchema = editOf('clean');

const scope = fc.constantFrom(...SCOPES);
const spec: fc.Arbitrary<EditSpec> = fc.oneof(
  fc.record({
    type: fc.constant('quant_rtn' as const),
    bits: fc.integer({ min: 2, max: 8 }),
    group_size: fc.integer({ min: 1, max: 4096 }),
    scope,
  }),
  fc.record({
    type: fc.constant('fp4_quant' as const),
    format: fc.constantFrom('e2m1' as const, 'aggressive' as const),
    scope,
  }),
  fc.record({
    type: fc.constant('magnitude_prune' as const),
    sparsity: fc.double({ min: 0, max: 1, minExcluded: true, maxExcluded: true, noNaN: true }),
    scope,
  }),
  fc.record({ type: fc.constant('lowrank_svd' as const), rank: fc.integer({ min: 1, max: 65536 }), scope }),
  fc.record({
    type: fc.constant('gaussian_noise' as const),
    sigma: fc.double({ min: 0, max: 1000, minExcluded: true, maxExcluded: true, noNaN: true }),
    scope,
  }),
  fc.record({
    type: fc.constant('scale' as const),
    factor: fc
      .double({ min: 0, max: 1e6, minExcluded: true, maxExcluded: true, noNaN: true })
      .filter((factor) => factor !== 1),
    scope,
  }),
  fc.record({ type: fc.constant('zero_blocks' as const), count: fc.integer({ min: 1, max: 1000 }), scope }),
);

describe('the one-line notation', () => {
  test('is read back as it was written, for any edit', () => {
    fc.assert(
      fc.property(spec, (edit) => {
        expect(editSchema.parse(formatEdit(edit))).toEqual(edit);
        expect(editSchema.parse(edit)).toEqual(edit);
      }),
    );
  });

  test('never throws, whatever is written', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseNotation(text)));
    fc.assert(fc.property(fc.anything(), (value) => void editSchema.safeParse(value)));
  });

  test.each([
    ['quant_rtn:8:128:ffn', 'clean', 'quant_8bit_clean'],
    ['fp4_quant:e2m1:ffn', 'clean', 'fp4_e2m1_clean'],
    ['magnitude_prune:0.1:ffn', 'clean', 'prune_10pct_clean'],
    ['lowrank_svd:256:ffn', 'clean', 'svd_rank256_clean'],
    ['quant_rtn:4:32:all', 'stress', 'quant_4bit_stress'],
    ['fp4_quant:aggressive:all', 'stress', 'fp4_aggressive_stress'],
    ['magnitude_prune:0.5:all', 'stress', 'prune_50pct_stress'],
    ['lowrank_svd:32:all', 'stress', 'svd_rank32_stress'],
    ['magnitude_prune:0.07:all', 'stress', 'prune_7pct_stress'],
    ['gaussian_noise:0.05:ffn', 'clean', 'noise_0_05_clean'],
    ['scale:1.1:all', 'stress', 'scale_1_1x_stress'],
    ['zero_blocks:2:all', 'stress', 'zero_2blocks_stress'],
    ['magnitude_prune:0.125:all', 'stress', 'prune_12_5pct_stress'],
    [' lowrank_svd : 32 : all ', 'stress', 'svd_rank32_stress'],
  ] as const)('%s, %s, is called %s', (text, editClass, name) => {
    expect(nameOfEdit(editSchema.parse(text), editClass)).toBe(name);
  });

  test('names of any edit are plain words', () => {
    fc.assert(fc.property(spec, (edit) => editNameProblem(editName(edit, 'clean')) === undefined));
  });
});
