// Mistakes in benchmarks, tasks and corpus: each with its place, the value and what is allowed.
import { expect, test } from 'vitest';
import { corpus, diagnostics, type Files } from './parse.js';

const MODEL = 'models: [{id: org/model-7b}]\n';
const TINY = 'models: [{name: m, facts: {architecture: llama}}]\n';
const LOCAL = 'dataset: {provider: local_jsonl, file: data/c.jsonl}\n';
const RUNS = 'runs: {calibration: 2, clean: 1, stress: 1}\n';

test.each<[what: string, text: string, expected: string[], files?: Files]>([
  [
    'a benchmark twice',
    `${MODEL}benchmarks:\n  - {name: a, task: t}\n  - {name: a, task: u}\n`,
    ['4:5: benchmarks[1]: a second benchmark named "a", after line 3'],
  ],
  [
    'a benchmark without a task',
    `${MODEL}benchmarks: [{name: a}]\n`,
    ['2:14: benchmarks[0].task: missing. Allowed: the name of an lm-eval task'],
  ],
  [
    'results that meet in one file',
    `${MODEL}edits: {clean: [{type: lowrank_svd, rank: 8, scope: all, name: a}, {type: lowrank_svd, rank: 9, scope: all, name: a_b}]}\nbenchmarks:\n  - {name: b, task: t}\n`,
    ['4:12: benchmarks[0].name: "b" of edit "a" would share a results file with edit "a_b"; rename one'],
  ],
  [
    'a split that is none',
    `${MODEL}evaluation: {split: yes}\n`,
    ['2:21: evaluation.split: "yes" is not allowed. Allowed: auto'],
  ],
  [
    'an unbounded batch',
    `${MODEL}evaluation: {batch_size: 0}\n`,
    ['2:26: evaluation.batch_size: 0 is not allowed. Allowed: a whole number from 1 to 65536'],
  ],
  [
    'a batch of an unknown class',
    `${MODEL}evaluation: {batch_size: {6b: 4}}\n`,
    [
      '2:27: evaluation.batch_size: unknown setting "6b"; did you mean "7b"? Allowed here: tiny, 7b, 13b, 30b, 40b, moe, 70b',
    ],
  ],
  [
    'a tasks directory that is missing',
    `${MODEL}evaluation: {tasks: tsaks}\n`,
    ['2:21: evaluation.tasks: suites/x/tsaks is no directory'],
  ],
  [
    'a tasks directory outside',
    `${MODEL}evaluation: {tasks: ../../../tasks}\n`,
    ['2:21: evaluation.tasks: "../../../tasks" lies outside the workspace'],
  ],
  [
    'a tasks directory that is the workspace itself',
    `${MODEL}evaluation: {tasks: ../..}\n`,
    ['2:21: evaluation.tasks: "../.." lies outside the workspace'],
  ],
  [
    'a tasks directory that is its parent',
    `${MODEL}evaluation: {tasks: ../../..}\n`,
    ['2:21: evaluation.tasks: "../../.." lies outside the workspace'],
  ],
  [
    'a tasks directory that is absolute',
    `${MODEL}evaluation: {tasks: /etc}\n`,
    ['2:21: evaluation.tasks: "/etc" lies outside the workspace'],
  ],
  [
    'an unknown dataset',
    `${MODEL}dataset: wikitext\n`,
    ['2:10: dataset: "wikitext" is not allowed; did you mean "wikitext2"? Allowed: wikitext2'],
  ],
  [
    'an unknown provider',
    `${MODEL}dataset: {provider: jsonl}\n`,
    ['2:21: dataset.provider: "jsonl" is not allowed. Allowed: wikitext2, local_jsonl'],
  ],
  [
    'a provider of InvarLock that gives every run the same rows',
    `${MODEL}dataset: {provider: hf_text, dataset_name: wikitext}\n`,
    [
      '2:21: dataset.provider: "hf_text" is not offered: it reads the same first rows in every run, whatever the seed, so calibrations could not differ; write the rows into a .jsonl file and use local_jsonl, which gives every run lines of its own. Offered: wikitext2, local_jsonl',
    ],
  ],
  [
    'a provider of InvarLock for other models, as a word',
    `${MODEL}dataset: hf_seq2seq\n`,
    [
      '2:10: dataset: "hf_seq2seq" is not offered: it is for models with an encoder and a decoder, and the suite evaluates models that only decode. Offered: wikitext2, local_jsonl',
    ],
  ],
  [
    'a corpus without a file',
    `${MODEL}dataset: {provider: local_jsonl}\n`,
    ['2:10: dataset.file: missing. Allowed: a .jsonl file, relative to suite.yaml'],
  ],
  ['a corpus that is missing', TINY + LOCAL, ['2:40: dataset.file: suites/x/data/c.jsonl is missing']],
  [
    'a corpus that is a directory',
    TINY + LOCAL,
    ['2:40: dataset.file: suites/x/data/c.jsonl is no file'],
    { 'suites/x/data/c.jsonl': null },
  ],
  [
    'a corpus outside',
    `${TINY}dataset: {provider: local_jsonl, file: ../../../c.jsonl}\n`,
    ['2:40: dataset.file: "../../../c.jsonl" lies outside the workspace'],
  ],
  [
    'a corpus file as a pattern',
    `${TINY}dataset: {provider: local_jsonl, file: 'data/*.jsonl'}\n`,
    ['2:40: dataset.file: "data/*.jsonl" is not allowed. Allowed: a .jsonl file, relative to suite.yaml'],
  ],
  [
    'a corpus too small',
    TINY + LOCAL + RUNS,
    [
      '2:40: dataset.file: suites/x/data/c.jsonl has 1199 lines, 1200 are needed: model m has 3 runs, each on 200 + 200 lines of its own',
    ],
    { 'suites/x/data/c.jsonl': corpus(1199) },
  ],
  [
    'a corpus with a torn line',
    TINY + LOCAL + RUNS,
    ['2:40: dataset.file: suites/x/data/c.jsonl:1: not a line of JSON'],
    { 'suites/x/data/c.jsonl': `{"text": "a\n${corpus(1199)}` },
  ],
  [
    'a corpus with another field',
    TINY + LOCAL + RUNS,
    ['2:40: dataset.file: suites/x/data/c.jsonl:2: no text under "text"'],
    { 'suites/x/data/c.jsonl': `{"text": "a"}\n{"body": "b"}\n${corpus(1199)}` },
  ],
  [
    'a corpus with a line twice',
    TINY + LOCAL + RUNS,
    ['2:40: dataset.file: suites/x/data/c.jsonl:3: the same text as line 1; InvarLock counts each text once'],
    { 'suites/x/data/c.jsonl': `{"text": "a"}\n\n{"text": "a"}\n${corpus(1199)}` },
  ],
])('%s', (_, text, expected, files = {}) => {
  expect(diagnostics(text, files)).toEqual(expected);
});
