import { describe, expect, test } from 'vitest';
import { mergeEvaluations } from '../../../tools/results/analysis/merge.js';
import type { ExpectedEvaluation } from '../../../tools/results/read/expected.js';
import type { EvaluationFile } from '../../../tools/results/read/schema.js';

const evaluation = (file: string, variant = 'a_clean'): ExpectedEvaluation => ({
  ...{ model: 'm', variant, class: 'clean', cell: `s.m.${variant}:${file}`, receipt: `${file}.receipt.json` },
  ...{ path: `evals/${file}_results.json`, outcomes: null, benchmarks: [file] },
});
const file = (name: string, extra: Record<string, unknown> = {}): EvaluationFile => ({
  benchmarks: { [name]: { task: name, metric: 'acc,none', accuracy: 0.5, stderr: null, n: 10 } },
  results: { [name]: { 'acc,none': 0.5 } },
  'n-samples': { [name]: { original: 10 } },
  ...extra,
});

const SPLIT = [evaluation('a_clean_city'), evaluation('a_clean_job')];

describe('mergeEvaluations', () => {
  test('unites the dictionaries, and says from which files', () => {
    const read = new Map([
      ['evals/a_clean_city_results.json', file('city', { date: 1, seed: 1234 })],
      ['evals/a_clean_job_results.json', file('job', { date: 2, seed: 1234 })],
    ]);
    const [merged] = mergeEvaluations(SPLIT, read);
    expect(merged?.path).toBe('evals/a_clean_results.json');
    expect(merged?.value).toMatchObject({
      results: { city: { 'acc,none': 0.5 }, job: { 'acc,none': 0.5 } },
      'n-samples': { city: { original: 10 }, job: { original: 10 } },
      seed: 1234,
      merged_from: ['a_clean_city_results.json', 'a_clean_job_results.json'],
      conflicts: ['date'],
    });
    expect(merged?.value).not.toHaveProperty('date');
    expect(Object.keys(merged?.value?.benchmarks ?? {})).toEqual(['city', 'job']);
  });

  test('a task two files give different values is left out and named', () => {
    const read = new Map([
      ['evals/a_clean_city_results.json', file('city', { configs: { shared: 1, mine: 1 } })],
      ['evals/a_clean_job_results.json', file('job', { configs: { shared: 2 } })],
    ]);
    const [merged] = mergeEvaluations(SPLIT, read);
    expect(merged?.value).toMatchObject({ configs: { mine: 1 }, conflicts: ['configs.shared'] });
    expect(merged?.value?.configs).not.toHaveProperty('shared');
    // What was read is not changed by merging it.
    expect(read.get('evals/a_clean_city_results.json')?.configs).toEqual({ shared: 1, mine: 1 });
  });

  test('nothing is merged while a part is missing', () => {
    const read = new Map([['evals/a_clean_city_results.json', file('city')]]);
    expect(mergeEvaluations(SPLIT, read)).toEqual([
      { path: 'evals/a_clean_results.json', value: null, waitingFor: ['evals/a_clean_job_results.json'] },
    ]);
  });

  test('an unsplit evaluation keeps its one writer', () => {
    expect(mergeEvaluations([evaluation('a_clean')], new Map())).toEqual([]);
    expect(mergeEvaluations([evaluation('a_clean'), evaluation('a_clean_city')], new Map())).toEqual([]);
  });
});
