import { describe, expect, test } from 'vitest';
import { analyse } from '../../../tools/results/analysis/analyse.js';
import type { FileContent } from '../../../tools/results/read/files.js';
import type { Detector, GuardRates } from '../../../tools/results/analysis/guard-rates.js';
import { content, filesOf, planOf, type Outcomes, type Shape } from '../builders.js';

function rates(shape: Shape, outcomes: Outcomes, spoil?: (files: Map<string, FileContent>) => void) {
  const plan = planOf(shape);
  const files = filesOf(plan, outcomes);
  spoil?.(files);
  const all = analyse(plan, files).guardRates;
  return (detector: Detector): GuardRates => {
    const found = all.find((one) => one.detector === detector);
    if (found === undefined) throw new Error(detector);
    return found;
  };
}

const pm = { flags: { primary_metric_acceptable: false }, ratio: 2 };
const EDITS: Shape = {
  edits: { a_clean: 'clean', b_clean: 'clean', x_stress: 'stress', y_stress: 'stress', z_stress: 'stress' },
  errors: ['nan_injection', 'zero_layer'],
  nulls: 3,
};
/** x, y, z hurt: x caught by the metric, y by metric and spectral, z by none. a flagged by spectral for nothing. */
const OUTCOMES: Outcomes = {
  accuracy: { 'm/x_stress/city': 0.5, 'm/y_stress/city': 0.5, 'm/z_stress/city': 0.5 },
  certificates: {
    'm/x_stress/1': pm,
    'm/y_stress/1': { flags: { primary_metric_acceptable: false, spectral_stable: false }, ratio: 2 },
    'm/a_clean/1': { flags: { spectral_stable: false } },
    'm/error_zero_layer/1': { ratio: 1.05 },
    'm/baseline/2': { flags: { rmt_stable: false } },
  },
};

describe('rates a guard', () => {
  test('counted by hand', () => {
    const of = rates(EDITS, OUTCOMES);
    const metric = of('primary_metric_acceptable');
    expect(metric.detection).toMatchObject({ hits: 2, of: 3, value: 2 / 3 });
    // Clopper and Pearson, 2 of 3: the .025 quantile of Beta(2, 2) and the .975 one of Beta(3, 1), which is .975^(1/3).
    expect(metric.detection.interval.low).toBeCloseTo(0.0943, 4);
    expect(metric.detection.interval.high).toBeCloseTo(0.9916, 4);
    expect(metric.falseAlarms).toMatchObject({ hits: 0, of: 2 });
    expect(metric.errors).toMatchObject({ hits: 0, of: 2 });
    expect(metric.caught.edits).toEqual(['m/x_stress', 'm/y_stress']);
    expect(metric.alone).toEqual(['m/x_stress']);

    const spectral = of('spectral_stable');
    expect(spectral.detection).toMatchObject({ hits: 1, of: 3 });
    expect(spectral.falseAlarms).toMatchObject({ hits: 1, of: 2 });
    expect(spectral.falseAlarmNames).toEqual(['m/a_clean']);
    // y is the metric's too; what spectral flags alone is a false alarm.
    expect(spectral.alone).toEqual(['m/a_clean']);

    expect(of('invariants_pass').errors).toMatchObject({ hits: 1, of: 2 });
    expect(of('invariants_pass').caught.errors).toEqual(['m/error_nan_injection']);
    expect(of('rmt_stable').nulls).toMatchObject({ hits: 1, of: 3 });
  });

  test('a guard outside the order is in no rate, one without a flag only where it says something', () => {
    const of = rates({ ...EDITS, guards: ['invariants', 'spectral', 'variance', 'invariants'] }, OUTCOMES);
    expect(of('rmt_stable').detection.of).toBe(0);
    expect(of('rmt_stable').nulls.of).toBe(0);
    const missing = rates(EDITS, {
      ...OUTCOMES,
      certificates: { ...OUTCOMES.certificates, 'm/x_stress/1': { flags: { rmt_stable: undefined } } },
    });
    expect(missing('rmt_stable').detection.of).toBe(2);
  });

  test('a refusal is a detector of its own', () => {
    const root = 'output/s/m/certificates/errors/nan_injection';
    const refusal = { schema: 1, status: 'refused', exit_code: 3, reason: 'not finite' };
    const of = rates(EDITS, OUTCOMES, (files) => {
      files.set(`${root}/outcome.json`, content(refusal));
      files.delete(`${root}/evaluation.cert.json`);
    });
    expect(of('refusal').errors).toMatchObject({ hits: 1, of: 2 });
    expect(of('refusal').alone).toEqual(['m/error_nan_injection']);
    expect(of('invariants_pass').errors).toMatchObject({ hits: 0, of: 1 });
  });
});

describe('null runs', () => {
  test('are judged apart from edits', () => {
    const plan = planOf(EDITS);
    const analysis = analyse(plan, filesOf(plan, OUTCOMES));
    expect(analysis.complete).toBe(true);
    expect(analysis.nulls.falseAlarms).toMatchObject({ hits: 1, of: 3 });
    expect(analysis.nulls.largestShift).toBe(0);
    expect(analysis.confusion.total).toBe(5);
    const moved = analyse(plan, filesOf(plan, { certificates: { 'm/baseline/1': { ratio: 0.98 } } }));
    expect(moved.nulls.largestShift).toBeCloseTo(0.02, 12);
  });

  test('that repeat each other count once; one that is missing is listed', () => {
    const plan = planOf({ ...EDITS, identical: true });
    const files = filesOf(plan);
    expect(analyse(plan, files).nulls.falseAlarms.of).toBe(1);
    files.delete('output/s/m/certificates/null/run_3/receipt.json');
    const analysis = analyse(plan, files);
    expect(analysis.missing.map(({ cell }) => cell)).toEqual(['s.m.baseline:null-3']);
    expect(analysis.complete).toBe(false);
  });

  test('a suite without any has none', () => {
    const plan = planOf();
    expect(analyse(plan, filesOf(plan)).nulls).toMatchObject({ models: [], largestShift: null });
  });
});
