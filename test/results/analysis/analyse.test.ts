import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { analyse, type Analysis } from '../../../tools/results/analysis/analyse.js';
import type { FileContent } from '../../../tools/results/read/files.js';
import type { VerdictPlan } from '../../../tools/results/read/expected.js';
import { renderVerdict } from '../../../tools/results/write.js';
import { certificate, content, filesOf, findingsOf, type Outcomes, planOf, type Shape } from '../builders.js';

function run(
  shape: Shape = {},
  outcomes: Outcomes = {},
  spoil?: (files: Map<string, FileContent>) => void,
): Analysis {
  const plan = planOf(shape);
  const files = filesOf(plan, outcomes);
  spoil?.(files);
  return analyse(plan, files);
}

const pmFail = { flags: { primary_metric_acceptable: false }, ratio: 2 };
/** Two edits that hurt (one flagged), three that do not (one flagged). */
const MIXED: [Shape, Outcomes] = [
  { edits: { a_clean: 'clean', b_clean: 'clean', c_clean: 'clean', y_stress: 'stress', z_stress: 'stress' } },
  {
    accuracy: { 'm/y_stress/city': 0.5, 'm/z_stress/job': 0.85 },
    certificates: { 'm/y_stress/1': pmFail, 'm/c_clean/1': { flags: { rmt_stable: false } } },
  },
];

describe('a whole run', () => {
  test('confusion, mistakes by name, triage', () => {
    const analysis = run(...MIXED);
    expect(analysis.complete).toBe(true);
    expect(analysis.missing).toEqual([]);
    expect(analysis.cells.finished).toBe(analysis.cells.total);
    expect(Object.fromEntries(analysis.edits.map((edit) => [edit.variant, edit.category]))).toEqual({
      a_clean: 'TRUE_NEGATIVE',
      b_clean: 'TRUE_NEGATIVE',
      c_clean: 'FALSE_POSITIVE',
      y_stress: 'TRUE_POSITIVE',
      z_stress: 'FALSE_NEGATIVE',
    });
    expect(analysis.confusion.accuracy.value).toBe(0.6);
    expect(analysis.errorDetection.value).toBe(1);
    expect(analysis.triage).toEqual({ PASS: 3, REVIEW: 0, FAIL: 2 });
    // Edits alone: neither the error nor the calibration is in the table.
    expect(analysis.confusion.total).toBe(5);
    // y: accuracy −0.2 on average at ratio 2; z: −0.025 at 1; the rest 0 at 1.
    expect(analysis.correlation.points).toBe(5);
    expect(analysis.correlation.r).toBeLessThan(-0.99);
    expect(analysis.phase0.verdict).toBe('PHASE0_VALIDATED');
  });

  test('a drop of exactly the limit is no regression', () => {
    // p = 0.9, n = 100: limit 0.06.
    const at = (accuracy: number): boolean | null | undefined =>
      run({}, { accuracy: { 'm/a_clean/city': accuracy }, n: 100 }).edits[0]?.regression;
    expect(at(0.84)).toBe(false);
    expect(at(0.83)).toBe(true);
    expect(at(0.99)).toBe(false);
  });

  test('any flagged run flags the edit; an edit is one test however many runs it had', () => {
    const analysis = run({ runs: 3 }, { certificates: { 'm/a_clean/2': pmFail } });
    expect(analysis.edits[0]).toMatchObject({ flagged: true, triage: 'FAIL', category: 'FALSE_POSITIVE' });
    expect(analysis.edits[0]?.meanRatio).toBeCloseTo(4 / 3, 12);
    expect(analysis.confusion.total).toBe(1);
  });

  test('identical repeats count once', () => {
    const certificates = { 'm/a_clean/1': { ratio: 1 }, 'm/a_clean/2': { ratio: 1.06 } };
    const once = run({ runs: 2, identical: true }, { certificates });
    expect(once.certificates.filter((row) => row.class === 'clean').map((row) => row.repeats)).toEqual([
      null,
      1,
    ]);
    expect(once.edits[0]?.meanRatio).toBe(1);
    expect(run({ runs: 2 }, { certificates }).edits[0]?.meanRatio).toBeCloseTo(1.03, 12);
    const one = run({ runs: 1 }).confidence;
    expect(run({ runs: 2, identical: true }).confidence).toEqual(one);
  });

  test('an error is detected by a failed gate or a refusal, missed otherwise', () => {
    const shape: Shape = { errors: ['nan_injection', 'extreme_quant', 'zero_layer'] };
    const analysis = run(
      shape,
      { certificates: { 'm/error_zero_layer/1': {}, 'm/error_extreme_quant/1': pmFail } },
      (files) => {
        const root = 'output/s/m/certificates/errors/nan_injection';
        files.delete(`${root}/evaluation.cert.json`);
        files.set(
          `${root}/outcome.json`,
          content({ schema: 1, status: 'refused', exit_code: 3, reason: 'NaN' }),
        );
      },
    );
    expect(analysis.complete).toBe(true);
    expect(analysis.errors.map((error) => [error.variant, error.detected, error.triage])).toEqual([
      ['error_extreme_quant', true, 'FAIL'],
      ['error_nan_injection', true, 'FAIL'],
      ['error_zero_layer', false, 'PASS'],
    ]);
    expect(analysis.errorDetection).toMatchObject({ hits: 2, of: 3 });
    expect(analysis.phase0.verdict).toBe('PHASE0_FAILED');
  });

  test('guards outside the order are shown and count nowhere', () => {
    const analysis = run(
      { guards: ['invariants', 'variance', 'invariants'] },
      { certificates: { 'm/a_clean/1': { flags: { spectral_stable: false } } } },
    );
    expect(analysis.edits[0]?.flagged).toBe(false);
    expect(analysis.guards).toEqual([
      { order: ['invariants', 'variance', 'invariants'], notRun: ['spectral', 'rmt'] },
    ]);
  });
});

describe('what is missing', () => {
  const CERT = 'output/s/m/certificates/a_clean/run_1/evaluation.cert.json';

  test('nothing has run', () => {
    const analysis = run({}, {}, (files) => {
      files.clear();
    });
    expect(analysis.complete).toBe(false);
    expect(analysis.cells.finished).toBe(0);
    expect(analysis.missing.every((one) => one.reason === 'not_run')).toBe(true);
    // setup, calibrate-1, preset, eval, edit, 2 evals, certify, inject, certify.
    expect(analysis.missing).toHaveLength(10);
    expect(analysis.edits[0]).toMatchObject({ category: 'INCONCLUSIVE', triage: null });
    expect(analysis.phase0.verdict).toBe('PHASE0_FAILED');
    expect(analysis.confidence.score).toBe(0);
  });

  test('a model that cannot be loaded is harmful by definition, whatever is said of it; what was made up is told', () => {
    const plan = planOf({ errors: ['missing_tensor', 'shape_mismatch'] });
    const broken = (id: string): boolean => /error_(missing|shape)/.test(id);
    const evaluation = (type: string) => {
      const path = `output/s/m/evals/error_${type}_results`;
      const spec = { benchmarks: [{ name: 'city', task: 'city_task', fewshot: 0 }], subject_error: type };
      const writes = [{ file: 'results.json', path: `${path}.json` }];
      const parts = [{ name: 'eval', spec, writes, receipt: `${path}.receipt.json` }];
      return { id: `s.m.error_${type}:eval`, kind: 'eval' as const, model: 'm', parts };
    };
    const cells = [...plan.cells, evaluation('missing_tensor'), evaluation('shape_mismatch')];
    const files = filesOf({ ...plan, cells }, { certificates: { 'm/error_missing_tensor/1': {} } });
    for (const type of ['missing_tensor', 'shape_mismatch']) {
      const said = { schema: 1, benchmarks: {}, cannot_be_loaded: 'missing in the files: w' };
      files.set(`output/s/m/evals/error_${type}_results.json`, content(said));
    }
    const outcome = (of: object) => content({ schema: 1, exit_code: 0, reason: null, ...of });
    const at = 'output/s/m/certificates/errors';
    files.set(
      `${at}/missing_tensor/outcome.json`,
      outcome({ status: 'certified', made_up: ['missing in the files: w'] }),
    );
    files.set(
      `${at}/shape_mismatch/outcome.json`,
      outcome({ status: 'refused', exit_code: 3, reason: 'it cannot be loaded (why)' }),
    );
    files.delete(`${at}/shape_mismatch/evaluation.cert.json`);

    const findings = findingsOf({ ...plan, cells }, files);
    const { analysis } = findings;
    expect(analysis.missing).toEqual([]);
    expect(
      analysis.errors.map(({ variant, unloadable, standing, judged }) => [
        variant,
        unloadable,
        standing,
        judged,
      ]),
    ).toEqual([
      ['error_missing_tensor', true, 'missed', false],
      ['error_shape_mismatch', true, 'caught', true],
    ]);
    // Apart, as NaN and Inf are: whoever cannot load a model has not judged it well.
    expect(analysis.finding.nonFiniteDetection).toMatchObject({ hits: 1, of: 2 });
    expect(analysis.finding.errorDetection.of).toBe(0);
    expect(analysis.evaluations.filter(({ variant }) => broken(variant)).map(({ state }) => state)).toEqual([
      'unloadable',
      'unloadable',
    ]);
    const rendered = renderVerdict(findings);
    const text = (name: string) => [...rendered].find(([path]) => path.endsWith(name))?.[1] ?? '';
    expect(text('final_verdict.txt')).toMatch(/error_missing_tensor +harmful, not flagged/);
    expect(text('final_verdict.txt')).toMatch(/error_shape_mismatch +harmful, flagged/);
    expect(text('final_verdict.txt')).toMatch(/NaN, Inf or not loadable/);
    expect(text('labels.csv')).toMatch(/^m,error_shape_mismatch,error,harmful,unloadable,/m);
    expect(text('junit.xml')).toContain('harmful: cannot be loaded: missing in the files: w');
    expect(text('junit.xml')).toContain('refuted: InvarLock refused the model (it cannot be loaded (why))');
    expect(text('junit.xml')).toContain('loaded with random numbers: missing in the files: w');
    expect(text('final_verdict.json')).toContain('"test": "unloadable"');
  });

  test('a result without a receipt is not a result', () => {
    const analysis = run({}, {}, (files) =>
      files.delete('output/s/m/certificates/a_clean/run_1/receipt.json'),
    );
    expect(analysis.missing).toEqual([
      {
        cell: 's.m.a_clean:certify-1',
        path: 'output/s/m/certificates/a_clean/run_1/receipt.json',
        reason: 'not_run',
        detail: 'no receipt',
      },
    ]);
    expect(analysis.edits[0]).toMatchObject({ flagged: null, category: 'INCONCLUSIVE' });
  });

  test('a batch cell is finished when every part of it is', () => {
    const shape: Shape = { edits: { a_clean: 'clean', b_clean: 'clean' } };
    const analysis = run(shape, {}, (files) => files.delete('output/s/m/models/b_clean.receipt.json'));
    expect(analysis.missing.map((one) => one.path)).toEqual(['output/s/m/models/b_clean.receipt.json']);
    expect(analysis.cells.total - analysis.cells.finished).toBe(1);
  });

  test.each<[string, FileContent | null, string, string]>([
    ['is gone', null, 'absent', 'does not exist'],
    ['is broken', { ok: false, detail: 'not JSON' }, 'unreadable', 'not JSON'],
    ['has no validation', content({ primary_metric: { kind: 'x' } }), 'unreadable', 'validation'],
    [
      'lacks a flag',
      content(certificate({ flags: { rmt_stable: undefined } })),
      'incomplete',
      '`rmt_stable`',
    ],
  ])('a certificate that %s is inconclusive and listed', (_name, file, reason, detail) => {
    const analysis = run({}, {}, (files) => {
      if (file === null) files.delete(CERT);
      else files.set(CERT, file);
    });
    expect(analysis.complete).toBe(false);
    expect(analysis.missing).toHaveLength(1);
    expect(analysis.missing[0]).toMatchObject({ cell: 's.m.a_clean:certify-1', path: CERT, reason });
    expect(analysis.missing[0]?.detail).toContain(detail);
    expect(analysis.edits[0]).toMatchObject({ flagged: null, category: 'INCONCLUSIVE' });
    expect(analysis.confusion.total).toBe(0);
  });

  test('an evaluation without a baseline, a benchmark or a number judges nothing', () => {
    const gone = run({}, {}, (files) => files.delete('output/s/m/evals/baseline_results.json'));
    expect(gone.edits[0]).toMatchObject({ regression: null, meanDelta: null });
    const nan = { task: 't', metric: 'acc,none', accuracy: NaN, stderr: null, n: 10 };
    const broken = run({}, {}, (files) =>
      files.set('output/s/m/evals/a_clean_city_results.json', content({ benchmarks: { city: nan } })),
    );
    expect(broken.missing[0]).toMatchObject({ reason: 'unreadable' });
    expect(broken.edits[0]).toMatchObject({ regression: null, meanDelta: null });
    const other = run({}, {}, (files) =>
      files.set('output/s/m/evals/a_clean_city_results.json', content({ benchmarks: {} })),
    );
    expect(other.missing[0]).toMatchObject({ reason: 'incomplete', detail: 'no benchmark `city` in it' });
  });

  test('one regression is enough, even while another benchmark is missing', () => {
    const analysis = run({}, { accuracy: { 'm/a_clean/city': 0.1 } }, (files) =>
      files.delete('output/s/m/evals/a_clean_job_results.receipt.json'),
    );
    expect(analysis.edits[0]?.regression).toBe(true);
    expect(analysis.correlation.points).toBe(0);
  });

  test('faults and outdated receipts are told apart from cells that have not run', () => {
    const plan = planOf();
    const files = filesOf(plan);
    files.delete('output/s/m/certificates/a_clean/run_1/receipt.json');
    const known = {
      faults: new Map([['s.m.a_clean:certify-1', 'out of memory']]),
      outdated: ({ cell }: { cell: string }) =>
        cell === 's.m.a_clean:eval-city'
          ? { reason: 'stale' as const, detail: 'made with other parameters' }
          : cell === 's.m.baseline:eval'
            ? { reason: 'altered' as const, detail: 'x was altered' }
            : null,
    };
    const { missing } = analyse(plan, files, known);
    expect(missing.map((one) => [one.cell, one.reason, one.detail])).toEqual([
      ['s.m.a_clean:certify-1', 'failed', 'out of memory'],
      ['s.m.a_clean:eval-city', 'stale', 'made with other parameters'],
      ['s.m.baseline:eval', 'altered', 'x was altered'],
    ]);
  });

  test('an incomplete run never reads like a pass', () => {
    const plan = planOf(MIXED[0]);
    const files = filesOf(plan, MIXED[1]);
    files.delete('output/s/m/certificates/b_clean/run_1/receipt.json');
    const analysis = analyse(plan, files);
    expect(analysis.phase0.verdict).toBe('PHASE0_FAILED');
    const texts = renderVerdict({
      ...findingsOf(plan, files),
      analysis: {
        ...analysis,
        phase0: { verdict: 'PHASE0_VALIDATED', confidence: 'HIGH', unmet: [] },
      },
    });
    expect(texts.get('output/s/reports/junit.xml')).not.toContain('VALIDATED');
    expect(texts.get('output/s/reports/summary.md')).not.toContain('VALIDATED');
    const text = texts.get('output/s/reports/final_verdict.txt') ?? '';
    expect(text.split('\n')[0]).toBe('INCOMPLETE: 21 of 22 cells finished, 1 result missing or unreadable');
    expect(text).not.toContain('VALIDATED');
    const json = JSON.parse(texts.get('output/s/reports/final_verdict.json') ?? '') as unknown;
    expect(json).toMatchObject({
      complete: false,
      verdict: 'INCOMPLETE',
      phase0_pass: false,
      verdict_confidence: null,
    });
  });
});

test('the order of cells, variants and files changes no byte', () => {
  const plan = planOf({ ...MIXED[0], models: ['m', 'a'], runs: 2, errors: ['nan_injection', 'zero_layer'] });
  const files = filesOf(plan, MIXED[1]);
  const whole = [...renderVerdict(findingsOf(plan, files))];
  const shuffled = <T>(values: readonly T[]): fc.Arbitrary<T[]> =>
    fc.shuffledSubarray([...values], { minLength: values.length });
  fc.assert(
    fc.property(
      shuffled(plan.cells),
      shuffled(plan.variants),
      shuffled([...files]),
      (cells, variants, entries) => {
        const other: VerdictPlan = { suite: plan.suite, cells, variants };
        expect([...renderVerdict(findingsOf(other, new Map(entries)))]).toEqual(whole);
      },
    ),
    { numRuns: 20 },
  );
});

test('removing any files never turns a complete run into another complete one', () => {
  const plan = planOf(MIXED[0]);
  const files = [...filesOf(plan, MIXED[1])];
  fc.assert(
    fc.property(fc.subarray(files, { maxLength: files.length - 1 }), (kept) => {
      expect(analyse(plan, new Map(kept)).complete).toBe(false);
    }),
    { numRuns: 100 },
  );
});

test('labels take the margins of the suite, and there are none without outcomes', () => {
  const plan = planOf();
  const files = filesOf(plan);
  const labelIn = (of: VerdictPlan): unknown => {
    const [edit] = analyse(of, filesOf(of)).edits;
    return edit?.label.ok === true ? edit.label.value.label : edit?.label.reason;
  };
  expect(analyse(plan, files).margins).toEqual({ overall: 0.01, perBenchmark: 0.02 });
  expect(labelIn(plan)).toBe('harmless');
  expect(labelIn({ ...plan, margins: { overall: 0.0001, perBenchmark: 0.02 } })).toBe('undecided');
  expect(labelIn(planOf({ outcomes: false }))).toBe('not assessable: no outcomes');
});

test('answers to other items are a fault, and no label', () => {
  const plan = planOf();
  const files = filesOf(plan);
  const path = 'output/s/m/evals/a_clean_city_outcomes.parquet';
  const table = files.get(path);
  const value = table?.ok === true ? (table.value as { docHash: string[] }) : undefined;
  files.set(path, content({ ...value, docHash: value?.docHash.map((hash) => `other ${hash}`) }));
  const { complete, missing, edits, finding } = analyse(plan, files);
  expect(complete).toBe(false);
  expect(missing).toMatchObject([{ cell: 's.m.a_clean:eval-city', path, reason: 'mismatched' }]);
  expect(edits[0]?.standing).toBe('unlabelled');
  expect(finding.status).toBe('NOT_ASSESSABLE');
});
