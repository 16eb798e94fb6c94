// Mistakes in edits: each with its place, the value and what is allowed.
import { expect, test } from 'vitest';
import { diagnostics } from './parse.js';

const MODEL = 'models: [{id: org/model-7b}]\n';

test.each<[what: string, text: string, expected: string[]]>([
  [
    'an edit of no known type',
    `${MODEL}edits: {clean: ['int4:8']}\n`,
    [
      '2:17: edits.clean[0]: "int4:8" begins with none of the edit types; allowed: quant_rtn:<bits>:<group_size>:<scope>, fp4_quant:<format>:<scope>, magnitude_prune:<sparsity>:<scope>, lowrank_svd:<rank>:<scope>, gaussian_noise:<sigma>:<scope>, scale:<factor>:<scope>, zero_blocks:<count>:<scope>',
    ],
  ],
  [
    'an edit with too few fields',
    `${MODEL}edits: {clean: ['quant_rtn:8:ffn']}\n`,
    [
      '2:17: edits.clean[0]: "quant_rtn:8:ffn" has 2 fields after the type, not 3; allowed: quant_rtn:<bits>:<group_size>:<scope>',
    ],
  ],
  [
    'an edit with bad fields',
    `${MODEL}edits: {stress: ['quant_rtn:9:x:ffm']}\n`,
    [
      '2:18: edits.stress[0]: "quant_rtn:9:x:ffm" bits 9 is not allowed. Allowed: a whole number from 2 to 8',
      '2:18: edits.stress[0]: "quant_rtn:9:x:ffm" group_size "x" is not allowed. Allowed: a whole number from 1 to 1048576',
      '2:18: edits.stress[0]: "quant_rtn:9:x:ffm" scope "ffm" is not allowed. Allowed: ffn, attn, all',
    ],
  ],
  [
    'an edit as a mapping with a bad field',
    `${MODEL}edits:\n  clean:\n    - {type: magnitude_prune, sparsity: 1, scope: ffn}\n`,
    ['4:41: edits.clean[0].sparsity: 1 is not allowed. Allowed: a number above 0 and below 1'],
  ],
  [
    'an edit as a mapping of no type',
    `${MODEL}edits:\n  clean:\n    - {bits: 8}\n`,
    [
      '4:7: edits.clean[0].type: missing. Allowed: quant_rtn, fp4_quant, magnitude_prune, lowrank_svd, gaussian_noise, scale, zero_blocks',
    ],
  ],
  [
    'an edit as a mapping of a mistyped type',
    `${MODEL}edits:\n  clean:\n    - {type: quant_rnt, bits: 8, group_size: 1, scope: all}\n`,
    [
      '4:14: edits.clean[0].type: "quant_rnt" is not allowed; did you mean "quant_rtn"? Allowed: quant_rtn, fp4_quant, magnitude_prune, lowrank_svd, gaussian_noise, scale, zero_blocks',
    ],
  ],
  [
    'an edit as a number',
    `${MODEL}edits: {clean: [8]}\n`,
    [
      '2:17: edits.clean[0]: 8 is not allowed. Allowed: quant_rtn:<bits>:<group_size>:<scope>, fp4_quant:<format>:<scope>, magnitude_prune:<sparsity>:<scope>, lowrank_svd:<rank>:<scope>, gaussian_noise:<sigma>:<scope>, scale:<factor>:<scope>, zero_blocks:<count>:<scope>, a mapping with type, its parameters and name, or one with checkpoint or command',
    ],
  ],
  [
    'strengths out of range',
    `${MODEL}edits: {stress: ['scale:1:all', 'gaussian_noise:0:all', 'zero_blocks:1.5:all']}\n`,
    [
      '2:18: edits.stress[0]: "scale:1:all" factor 1 is not allowed. Allowed: a number above 0 and below 1000000, not 1',
      '2:33: edits.stress[1]: "gaussian_noise:0:all" sigma 0 is not allowed. Allowed: a number above 0 and below 1000',
      '2:57: edits.stress[2]: "zero_blocks:1.5:all" count 1.5 is not allowed. Allowed: a whole number from 1 to 1000',
    ],
  ],
  [
    'two edits of one name',
    `${MODEL}edits:\n  clean:\n    - quant_rtn:8:128:ffn\n    - quant_rtn:8:64:ffn\n`,
    [
      '5:7: edits.clean[1]: a second edit named "quant_8bit_clean", after line 4; give it a name of its own: {…, name: …}',
    ],
  ],
  [
    "two edits of one name in a model's own list",
    `models:\n  - id: m-7b\n    edits:\n      stress: ['lowrank_svd:8:ffn', 'lowrank_svd:8:all']\n`,
    [
      '4:37: models[0].edits.stress[1]: a second edit named "svd_rank8_stress", after line 4; give it a name of its own: {…, name: …}',
    ],
  ],
  [
    'an edit with a reserved name',
    `${MODEL}edits:\n  clean: [{type: lowrank_svd, rank: 8, scope: all, name: calibration}]\n`,
    [
      '3:58: edits.clean[0].name: "calibration" is reserved, as are baseline, edits, errors, calibration, null',
    ],
  ],
])('%s', (_, text, expected) => {
  expect(diagnostics(text)).toEqual(expected);
});
