// Ranks that no matrix of a model exceeds, told with their line when the projects are made, wherever the sizes are known.
import { expect, test } from 'vitest';
import { diagnostics, type Files } from './parse.js';

const EDITS = `edits:
  clean: ['quant_rtn:8:128:ffn', 'lowrank_svd:64:ffn']
  stress: ['lowrank_svd:64:all', 'lowrank_svd:48:ffn']
`;
const PATH = `models:\n  - {path: /m, name: m, size_class: tiny}\n${EDITS}`;
const config = (sizes: object): Files => ({ '/m': null, '/m/config.json': JSON.stringify(sizes) });
const said = (where: string, rank: number, scope: string, most: number, model = 'm'): string =>
  `${where}: rank ${rank} changes nothing of model ${model}: no matrix in its scope (${scope}) has more than ${most}. ` +
  `Give it a rank below ${most}, or the model edits of its own`;

test.each<[what: string, files: Files, expected: string[]]>([
  ['large enough', config({ hidden_size: 65, intermediate_size: 130 }), []],
  [
    'the hidden size, as it is called elsewhere',
    config({ n_embd: 64 }),
    [said('4:34: edits.clean[1]', 64, 'ffn', 64), said('5:12: edits.stress[0]', 64, 'all', 64)],
  ],
  [
    'a narrow MLP beside a wide attention',
    config({ hidden_size: 128, intermediate_size: 48 }),
    [said('4:34: edits.clean[1]', 64, 'ffn', 48), said('5:34: edits.stress[1]', 48, 'ffn', 48)],
  ],
  [
    'experts: sizes by other names may be larger',
    config({ hidden_size: 128, intermediate_size: 48, num_experts: 4 }),
    [],
  ],
  [
    'the part for text',
    config({ hidden_size: 999, text_config: { hidden_size: 128, intermediate_size: [32, 64] } }),
    [said('4:34: edits.clean[1]', 64, 'ffn', 64)],
  ],
  ['no size', config({}), []],
  ['a configuration that is none', { '/m': null, '/m/config.json': '{"hidden_size": 8' }, []],
])('by config.json: %s', (_, files, expected) => {
  expect(diagnostics(PATH, files)).toEqual(expected);
});

test('edits of a model itself, the default edits, and variables', () => {
  const own = "models:\n  - {path: /m, name: m, size_class: tiny, edits: {stress: ['lowrank_svd:9:attn']}}\n";
  expect(diagnostics(own, config({ hidden_size: 8 }))).toEqual([
    '2:60: models[0].edits.stress[0]: rank 9 changes nothing of model m: no matrix in its scope (attn) has more than 8. Give it a rank below 8',
  ]);
  const none = 'models:\n  - {path: /m, name: m, size_class: tiny}\n';
  expect(diagnostics(none, config({ hidden_size: 32 }))).toEqual(
    [
      [256, 'ffn'],
      [32, 'all'],
    ].map(
      ([rank, scope]) =>
        `2:5: models[0]: the default edit of rank ${rank} changes nothing of model m: no matrix in its scope (${scope}) ` +
        'has more than 32. Give it a rank below 32, or the model edits of its own',
    ),
  );
  const variable = diagnostics(PATH, config({ hidden_size: 65 }), {
    EDIT_TYPES_STRESS: 'lowrank_svd:99:all',
  });
  expect(variable).toEqual([expect.stringMatching(/EDIT_TYPES_STRESS.*rank 99 changes nothing of model m/)]);
  expect(
    diagnostics(
      "models: [{name: f, facts: {architecture: llama}}]\nedits: {clean: ['lowrank_svd:128:ffn']}\n",
    ),
  ).toEqual([said('2:17: edits.clean[0]', 128, 'ffn', 128, 'f')]);
});

test('a model of the hub, by the profile that its setup wrote; not by another model’s', () => {
  const text = `models:\n  - {id: o/m-7b, name: m}\nedits: {clean: ['lowrank_svd:64:ffn']}\n`;
  const profile = (of: string): Files => ({
    'output/x/models/m/baseline.profile.json': JSON.stringify({ model_id: of, hidden_size: 64 }),
  });
  expect(diagnostics(text, profile('o/m-7b'))).toEqual([said('3:17: edits.clean[0]', 64, 'ffn', 64)]);
  expect(diagnostics(text, profile('o/other'))).toEqual([]);
  expect(diagnostics(text)).toEqual([]);
});
