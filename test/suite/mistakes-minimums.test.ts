// Numbers that InvarLock would refuse: each with its place, the value and what is allowed.
import { expect, test } from 'vitest';
import { diagnostics } from './parse.js';

const MODEL = 'models: [{id: org/model-7b}]\n';
const TINY = 'models: [{name: m, facts: {architecture: llama}}]\n';

test.each<[what: string, text: string, expected: string[]]>([
  [
    'too few windows',
    `${MODEL}windows:\n  7b: {preview: 64, final: 179}\n`,
    [
      "3:17: windows.7b.preview: 64 is below InvarLock's minimum for tier balanced: at least 180",
      "3:28: windows.7b.final: 179 is below InvarLock's minimum for tier balanced: at least 180",
    ],
  ],
  [
    'overlapping windows',
    `${MODEL}windows:\n  7b: {seq_len: 512, stride: 256}\n`,
    [
      '3:30: windows.7b.stride: 256 differs from seq_len: InvarLock refuses overlapping or spaced windows; use 512',
    ],
  ],
  [
    'too few tokens',
    `${TINY}windows: {tiny: {seq_len: 100, preview: 200, final: 200}}\n`,
    [
      '2:27: windows.tiny.seq_len: 400 windows of 100 tokens are 40000 tokens; tier balanced asks at least 49000: raise seq_len to 123 or preview + final to 490',
    ],
  ],
  [
    'windows of a class no model has',
    `${TINY}windows: {70b: {preview: 200, final: 8}}\n`,
    [
      '2:16: windows.70b.seq_len: 380 windows of 128 tokens are 48640 tokens; tier balanced asks at least 49000: raise seq_len to 129 or preview + final to 383',
      "2:38: windows.70b.final: 8 is below InvarLock's minimum for tier balanced: at least 180",
    ],
  ],
  [
    'too few replicates',
    `${TINY}invarlock: {bootstrap: 1000}\n`,
    ["2:24: invarlock.bootstrap: 1000 is below InvarLock's minimum for tier balanced: at least 1200"],
  ],
  [
    'too few replicates of a class',
    `${TINY}tier: conservative\ninvarlock:\n  bootstrap: {tiny: 1499}\n`,
    [
      "4:21: invarlock.bootstrap.tiny: 1499 is below InvarLock's minimum for tier conservative: at least 1500",
    ],
  ],
  [
    'a word for windows',
    `${MODEL}windows: seed\n`,
    ['2:10: windows: "seed" is not allowed. Allowed: reference'],
  ],
  [
    'bounds the wrong way round',
    `${MODEL}invarlock: {pm_acceptance: [1.2, 0.9]}\n`,
    ['2:28: invarlock.pm_acceptance: [1.2,0.9] is not allowed. Allowed: two numbers, the lower bound first'],
  ],
  [
    'one bound',
    `${MODEL}invarlock: {pm_acceptance: [0.9]}\n`,
    ['2:28: invarlock.pm_acceptance: [0.9] is not allowed. Allowed: two numbers, the lower bound first'],
  ],
  [
    'a determinism that is none',
    `${MODEL}determinism: Strict\n`,
    ['2:14: determinism: "Strict" is not allowed; did you mean "strict"? Allowed: throughput, strict'],
  ],
])('%s', (_, text, expected) => {
  expect(diagnostics(text)).toEqual(expected);
});
