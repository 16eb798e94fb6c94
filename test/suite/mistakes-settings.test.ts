// Mistakes in the settings of a whole suite: each with its place, the value and what is allowed.
import { expect, test } from 'vitest';
import { diagnostics } from './parse.js';

const MODEL = 'models: [{id: org/model-7b}]\n';

test.each<[what: string, text: string, expected: string[]]>([
  [
    'an empty file',
    '',
    [
      '1:1: empty. Allowed: a mapping of settings: description, tier, determinism, attention, guards, models, edits, errors, ladders, benchmarks, evaluation, runs, ground_truth, judges, certify, dataset, windows, invarlock',
    ],
  ],
  [
    'a list for the file',
    '- a\n',
    [
      '1:1: ["a"] is not allowed. Allowed: a mapping of settings: description, tier, determinism, attention, guards, models, edits, errors, ladders, benchmarks, evaluation, runs, ground_truth, judges, certify, dataset, windows, invarlock',
    ],
  ],
  ['no models', 'tier: balanced\n', ['1:1: models: missing. Allowed: a list of models, at least 1']],
  [
    'models left empty',
    'tier: balanced\nmodels:\n',
    ['2:8: models: empty. Allowed: a list of models, at least 1'],
  ],
  [
    'an empty list of models',
    'models: []\n',
    ['1:9: models: [] is not allowed. Allowed: a list of models, at least 1'],
  ],
  [
    'an unknown setting',
    `${MODEL}teir: balanced\n`,
    [
      '2:1: unknown setting "teir"; did you mean "tier"? Allowed here: description, tier, determinism, attention, guards, models, edits, errors, ladders, benchmarks, evaluation, runs, ground_truth, judges, certify, dataset, windows, invarlock',
    ],
  ],
  [
    'an unknown setting far from any',
    `${MODEL}runs: {zebra: 1}\n`,
    ['2:8: runs: unknown setting "zebra". Allowed here: calibration, clean, stress, ladder, nulls, repeat'],
  ],
  [
    'a tier that is none',
    `${MODEL}tier: dev\n`,
    ['2:7: tier: "dev" is not allowed. Allowed: conservative, balanced, aggressive'],
  ],
  [
    'a mistyped tier',
    `${MODEL}tier: balancd\n`,
    [
      '2:7: tier: "balancd" is not allowed; did you mean "balanced"? Allowed: conservative, balanced, aggressive',
    ],
  ],
  [
    'a number as text',
    `${MODEL}runs:\n  clean: three\n`,
    ['3:10: runs.clean: "three" is not allowed. Allowed: a whole number from 1 to 1000'],
  ],
  [
    'a fraction of a run',
    `${MODEL}runs:\n  clean: 1.5\n`,
    ['3:10: runs.clean: 1.5 is not allowed. Allowed: a whole number from 1 to 1000'],
  ],
  [
    'no runs at all',
    `${MODEL}runs: {clean: 0}\n`,
    ['2:15: runs.clean: 0 is not allowed. Allowed: a whole number from 1 to 1000'],
  ],
  [
    'not a number',
    `${MODEL}runs: {clean: .nan}\n`,
    ['2:15: runs.clean: NaN is not allowed. Allowed: a whole number from 1 to 1000'],
  ],
  [
    'an unknown repeat',
    `${MODEL}runs: {repeat: same}\n`,
    ['2:16: runs.repeat: "same" is not allowed. Allowed: fresh, identical'],
  ],
  [
    'an unknown guard',
    `${MODEL}guards: [invariants, spectrl]\n`,
    [
      '2:22: guards[1]: "spectrl" is not allowed; did you mean "spectral"? Allowed: invariants, spectral, rmt, variance',
    ],
  ],
  [
    'a word for guards',
    `${MODEL}guards: referense\n`,
    ['2:9: guards: "referense" is not allowed; did you mean "reference"? Allowed: reference'],
  ],
  [
    'an unknown error',
    `${MODEL}errors: [nan]\n`,
    [
      '2:10: errors[0]: "nan" is not allowed. Allowed: nan_injection, inf_injection, extreme_quant, scale_explosion, zero_layer, rank_collapse, norm_collapse, weight_tying_break, missing_tensor, shape_mismatch',
    ],
  ],
  [
    'an error twice',
    `${MODEL}errors: [nan_injection, zero_layer, nan_injection]\n`,
    ['2:37: errors[2]: a second error named "nan_injection", after line 2'],
  ],
  [
    'errors as a mapping of something else',
    `${MODEL}errors: {a: 1, limit: 0, types: 3}\n`,
    [
      '2:10: errors: unknown setting "a". Allowed here: types, limit',
      '2:23: errors.limit: 0 is not allowed. Allowed: a whole number from 1 to 1000000',
      '2:33: errors.types: 3 is not allowed. Allowed: a list of errors: nan_injection, inf_injection, extreme_quant, scale_explosion, zero_layer, rank_collapse, norm_collapse, weight_tying_break, missing_tensor, shape_mismatch',
    ],
  ],
  [
    'a number of items in another word, and an error twice',
    `${MODEL}errors: {limit: most, types: [zero_layer, zero_layer]}\n`,
    [
      '2:17: errors.limit: "most" is not allowed. Allowed: all',
      '2:43: errors.types[1]: a second error named "zero_layer", after line 2',
    ],
  ],
  [
    'a judge that is none, and one twice',
    `${MODEL}judges: [invarlock, kl, luck, kl]\n`,
    [
      '2:25: judges[2]: "luck" is not allowed. Allowed: invarlock, finite, perplexity, recovery, flips, kl, weight-error, always, never, by-name, invarlock-true-baseline, invarlock-0.12, invarlock-0.17',
      '2:31: judges[3]: a second judge named "kl", after line 2',
    ],
  ],
  [
    'no judge at all',
    `${MODEL}judges: []\n`,
    [
      '2:9: judges: [] is not allowed. Allowed: a list of judges: invarlock, finite, perplexity, recovery, flips, kl, weight-error, always, never, by-name, invarlock-true-baseline, invarlock-0.12, invarlock-0.17, at least 1',
    ],
  ],
  [
    'margins that are none',
    `${MODEL}ground_truth: {delta: 0, benchmark_delta: two, alpha: 1}\n`,
    [
      '2:23: ground_truth.delta: 0 is not allowed. Allowed: a number above 0 and below 100',
      '2:43: ground_truth.benchmark_delta: "two" is not allowed. Allowed: a number above 0 and below 100',
      '2:48: ground_truth: unknown setting "alpha". Allowed here: delta, benchmark_delta',
    ],
  ],
])('%s', (_, text, expected) => {
  expect(diagnostics(text)).toEqual(expected);
});
