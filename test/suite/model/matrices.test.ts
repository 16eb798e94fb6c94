// Matrices declared for an architecture Python has no table of: in the specs of edits and errors, nowhere else.
import { expect, test } from 'vitest';
import { planSuite } from '../../../tools/suite/plan/plan.js';
import { diagnostics, parsed } from '../parse.js';

const AT = 'transformer.blocks.{block}';
const DECLARED = `
models:
  - path: mpt
    size_class: 7b
    matrices:
      attn:
        - { tensor: '${AT}.attn.Wqkv.weight', parts: { q: 4, k: 1, v: 1 }, groups: 8 }
        - ${AT}.attn.out_proj.weight
      ffn:
        - { tensor: '${AT}.ffn.experts.up', experts: true, transposed: true, parts: [gate, up] }
`;

test('edits and errors are told of them, and no other kind of cell', () => {
  const plain = { transposed: false, experts: false, groups: 1, parts: [] };
  const matrices = {
    attn: [
      {
        tensor: `${AT}.attn.Wqkv.weight`,
        transposed: false,
        experts: false,
        parts: [
          ['q', 4],
          ['k', 1],
          ['v', 1],
        ],
        groups: 8,
      },
      { tensor: `${AT}.attn.out_proj.weight`, ...plain },
    ],
    ffn: [
      {
        tensor: `${AT}.ffn.experts.up`,
        transposed: true,
        experts: true,
        parts: [
          ['gate', 1],
          ['up', 1],
        ],
        groups: 1,
      },
    ],
  };
  const cells = planSuite(parsed(DECLARED, { 'suites/x/mpt': null }));
  for (const { kind, parts } of cells) {
    for (const { spec } of parts) {
      expect(spec.matrices, kind).toEqual(kind === 'edit' || kind === 'inject' ? matrices : undefined);
    }
  }
  expect(cells.some(({ kind }) => kind === 'inject')).toBe(true);
});

const model = (matrices: string): string => `models:\n  - {id: o/m-7b, matrices: ${matrices}}\n`;

test.each<[what: string, matrices: string, expected: string]>([
  ['no tensor at all', '{attn: []}', 'at least one tensor under attn or ffn'],
  ['an unknown group', '{mlp: ["a.{block}"]}', 'unknown setting "mlp"'],
  ['a name without its block', '{ffn: ["layers.0.up"]}', "a tensor's name with {block}"],
  ['a name with two blocks', '{ffn: ["a.{block}.{block}"]}', "a tensor's name with {block}"],
  ['a name with another placeholder', '{ffn: ["a.{block}.{layer}"]}', "a tensor's name with {block}"],
  ['a pattern', '{ffn: ["a.{block}.*"]}', "a tensor's name with {block}"],
  ['parts of one name', '{ffn: [{tensor: "a.{block}", parts: [q, q]}]}', 'parts of different names'],
  ['a single part', '{ffn: [{tensor: "a.{block}", parts: [q]}]}', 'a list of words'],
  [
    'parts that are numbers',
    '{ffn: [{tensor: "a.{block}", parts: {1: 2, 0: 3}}]}',
    'a mapping of words to their shares',
  ],
  ['a share of nothing', '{ffn: [{tensor: "a.{block}", parts: {q: 0, k: 1}}]}', 'a whole number from 1'],
  ['groups of nothing', '{ffn: [{tensor: "a.{block}", groups: 2}]}', 'groups only beside parts'],
])('%s', (_, matrices, expected) => {
  expect(diagnostics(model(matrices)).join('\n')).toContain(expected);
});
