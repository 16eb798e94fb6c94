import { expect, test } from 'vitest';
import { outputPaths } from '../../tools/results/outputs/index.js';
import { renderVerdict } from '../../tools/results/write.js';
import { filesOf, findingsOf, planOf } from './builders.js';

const plan = planOf({
  suite: 'smoke',
  models: ['tiny-dense', 'tiny-moe'],
  edits: { quant_8bit_clean: 'clean', prune_50pct_stress: 'stress', svd_rank8_stress: 'stress' },
  errors: ['nan_injection', 'zero_layer'],
  runs: 2,
});
const fails = { flags: { primary_metric_acceptable: false }, ratio: 22.1 };
const files = filesOf(plan, {
  n: 128,
  accuracy: {
    'tiny-dense/prune_50pct_stress/city': 0.781,
    'tiny-dense/svd_rank8_stress/city': 0.336,
    'tiny-dense/svd_rank8_stress/job': 0.391,
    'tiny-moe/svd_rank8_stress/job': 0.1,
  },
  certificates: {
    'tiny-dense/prune_50pct_stress/1': { ratio: 1.04, label: 'Medium' },
    'tiny-dense/svd_rank8_stress/1': fails,
    'tiny-dense/svd_rank8_stress/2': fails,
    'tiny-moe/svd_rank8_stress/1': fails,
    'tiny-moe/quant_8bit_clean/2': { flags: { spectral_stable: false } },
    'tiny-moe/error_zero_layer/1': { ratio: 1.05 },
  },
});

test('the text of a whole run', () => {
  const { text } = outputPaths('smoke');
  expect(renderVerdict(findingsOf(plan, files)).get(text)).toMatchSnapshot();
});

test('the text of an unfinished run', () => {
  const part = new Map([...files].filter(([path]) => !path.includes('tiny-moe')));
  part.set('output/smoke/tiny-dense/certificates/svd_rank8_stress/run_1/evaluation.cert.json', {
    ok: false,
    detail: 'not JSON: Unexpected end of JSON input',
  });
  const faults = new Map([
    ['smoke.tiny-moe.baseline:setup', 'disk_full: no space left on the weights store'],
  ]);
  const rendered = renderVerdict(findingsOf(plan, part, { faults }));
  const text = rendered.get(outputPaths('smoke').text) ?? '';
  expect(text).toMatchSnapshot();
  for (const line of text.split('\n')) {
    // Paths and ids are never broken; everything else fits.
    if (!/output\/|smoke\./.test(line)) expect(line.length).toBeLessThanOrEqual(80);
  }
});

test('the JSON files of a whole run', () => {
  const rendered = renderVerdict(findingsOf(plan, files));
  const { json, correlation } = outputPaths('smoke');
  const verdict = JSON.parse(rendered.get(json) ?? '') as Record<string, unknown>;
  expect(verdict).toMatchObject({
    ...{
      schema: 2,
      suite: 'smoke',
      complete: true,
      verdict: 'PHASE0_FAILED',
      phase0_pass: false,
      provisional: null,
    },
    ...{ missing: [], unmerged: [], models_tested: 2, total_tests: 6, total_errors: 4 },
    metrics: { accuracy: 4 / 6, precision: 2 / 3, recall: 2 / 3, error_detection_rate: 0.75 },
    error_detection: { missed: ['tiny-moe/error_zero_layer'], inconclusive: [] },
    false_negatives: [{ name: 'tiny-dense/prune_50pct_stress', pm_ratios: [1.04, 1] }],
    false_alarms: [{ name: 'tiny-moe/quant_8bit_clean' }],
  });
  expect(JSON.parse(rendered.get(correlation) ?? '')).toMatchObject({
    complete: true,
    models: { 'tiny-dense': { svd_rank8_stress: { category: 'TRUE_POSITIVE', runs: 2, distinct_runs: 2 } } },
    pm_correlation: { num_points: 6 },
    summary: { categories: { TRUE_POSITIVE: 2, FALSE_POSITIVE: 1, TRUE_NEGATIVE: 2, FALSE_NEGATIVE: 1 } },
  });
});
