// What the doctor asks about windows, from the cells of a suite.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { windowsQuestions } from '../../../tools/monitoring/doctor/windows.js';
import { planSuite } from '../../../tools/suite/plan/plan.js';
import { corpus, parsed, referenceSuite } from '../../suite/parse.js';

test('each model of the original script once, with its preset and every run', () => {
  const questions = windowsQuestions('/w', planSuite(referenceSuite()));
  expect(questions.map(({ model }) => model)).toHaveLength(8);
  for (const { runs, corpus: file, source } of questions) {
    // Calibrations and certificates; Python draws the windows of each seed once.
    expect([...new Set(runs.map(({ run }) => run))]).toEqual([1, 2, 3, 4, 5]);
    expect(file).toBeNull();
    expect(source).toMatchObject({ type: 'hub' });
  }
  expect(questions[0]).toMatchObject({
    size_class: '7b',
    invarlock: { seq_len: 2048, preview: 270, final: 270, dataset: { provider: 'wikitext2' } },
  });
});

test('runs on a local corpus are told apart by their slices', () => {
  const text = readFileSync(new URL('../../fixtures/small-suite.yaml', import.meta.url), 'utf8');
  const files = { 'suites/x/c.jsonl': corpus(4000), 'suites/x/tasks': null };
  const [dense] = windowsQuestions('/w', planSuite(parsed(text, files)));
  expect(dense).toMatchObject({
    model: 'dense',
    link: '/w/output/x/models/dense/baseline',
    corpus: '/w/suites/x/c.jsonl',
  });
  const slices = dense?.runs.map(({ window_slice }) => window_slice) ?? [];
  expect(new Set(slices.map((slice) => JSON.stringify(slice))).size).toBe(slices.length);
  expect(slices.length).toBeGreaterThanOrEqual(4);
});
