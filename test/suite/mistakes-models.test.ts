// Mistakes in models: each with its place, the value and what is allowed.
import { expect, test } from 'vitest';
import { diagnostics } from './parse.js';

test.each<[what: string, text: string, expected: string[]]>([
  [
    'a model as a word',
    'models: [gpt2]\n',
    [
      '1:10: models[0]: "gpt2" is not allowed. Allowed: a mapping of a model: name, id, path, facts, revision, trust_remote_code, size_class, mode, matrices, edits, errors, ladders, runs',
    ],
  ],
  [
    'a model without source',
    'models: [{name: m, size_class: tiny}]\n',
    ['1:10: models[0]: no source. Allowed: exactly one of id, path, facts'],
  ],
  [
    'a model with two sources',
    'models: [{id: o/m-7b, path: m}]\n',
    ['1:10: models[0]: id and path together. Allowed: exactly one of id, path, facts'],
  ],
  [
    'a name that leaves its directory',
    'models:\n  - {id: o/m-7b, name: ../up}\n',
    [
      '2:24: models[0].name: "../up" is no plain name: lower-case letters, digits, "_" and "-", beginning with a letter or digit, at most 80 long',
    ],
  ],
  [
    'a reserved name',
    'models:\n  - {id: o/m-7b, name: presets}\n',
    [
      '2:24: models[0].name: "presets" is reserved, as are models, presets, analysis, reports, logs, state, queue, workers, data, tasks',
    ],
  ],
  [
    'an id whose name is nothing',
    'models: [{path: /o/é, size_class: 7b}]\n',
    [
      '1:10: models[0]: its source gives the name "", which is no plain name: lower-case letters, digits, "_" and "-", beginning with a letter or digit, at most 80 long; give it one with name:',
    ],
  ],
  [
    'an id that is a path',
    'models: [{id: ../../etc, size_class: 7b}]\n',
    ['1:15: models[0].id: "../../etc" is not allowed. Allowed: a hub id, e.g. mistralai/Mistral-7B-v0.1'],
  ],
  [
    'facts without a name',
    'models: [{facts: {architecture: llama}}]\n',
    ['1:10: models[0].name: missing. A model made from facts is given a name'],
  ],
  [
    'facts without architecture',
    'models: [{name: m, facts: {seed: 1}}]\n',
    ['1:27: models[0].facts.architecture: missing. Allowed: llama, mixtral'],
  ],
  [
    'facts as a word',
    'models: [{name: m, facts: llama}]\n',
    ['1:27: models[0].facts: "llama" is not allowed. Allowed: a mapping with architecture: llama or mixtral'],
  ],
  [
    'experts in a dense model',
    'models: [{name: m, facts: {architecture: llama, num_experts: 4}}]\n',
    [
      '1:49: models[0].facts: unknown setting "num_experts". Allowed here: architecture, seed, hidden_size, intermediate_size, num_layers, num_heads, steps, batch_size, learning_rate',
    ],
  ],
  [
    'heads that do not divide',
    'models: [{name: m, facts: {architecture: llama, hidden_size: 100, num_heads: 3}}]\n',
    ['1:62: models[0].facts.hidden_size: 100 over 3 heads leaves no even head size; use a multiple of 6'],
  ],
  [
    'more experts asked than there are',
    'models: [{name: m, facts: {architecture: mixtral, experts_per_token: 9}}]\n',
    ['1:70: models[0].facts.experts_per_token: 9 is more than num_experts (4)'],
  ],
  [
    'a size nobody can tell',
    'models: [{id: o/gpt5}]\n',
    [
      '1:10: models[0].size_class: missing, and the name does not tell it. Allowed: tiny, 7b, 13b, 30b, 40b, moe, 70b',
    ],
  ],
  [
    'an unknown size',
    'models: [{id: gpt2, size_class: 8b}]\n',
    [
      '1:33: models[0].size_class: "8b" is not allowed; did you mean "7b"? Allowed: tiny, 7b, 13b, 30b, 40b, moe, 70b',
    ],
  ],
  [
    'a mode that is none',
    'models: [{id: m-7b, mode: per_edit}]\n',
    ['1:27: models[0].mode: "per_edit" is not allowed; did you mean "per-edit"? Allowed: batch, per-edit'],
  ],
  [
    'a revision of a path',
    'models: [{path: m-7b, revision: main}]\n',
    ['1:33: models[0].revision: only a model with an id has one'],
  ],
  [
    'two models of one name',
    'models:\n  - id: a/m-7b\n  - id: b/m-7b\n',
    ['3:5: models[1]: a second model named "m-7b", after line 2'],
  ],
  [
    'a name given and one derived',
    'models:\n  - id: a/m-7b\n  - {path: b, size_class: 7b, name: m-7b}\n',
    ['3:5: models[1]: a second model named "m-7b", after line 2'],
  ],
])('%s', (_, text, expected) => {
  expect(diagnostics(text)).toEqual(expected);
});
