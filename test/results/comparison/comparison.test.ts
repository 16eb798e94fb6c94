import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  compareRuns,
  newcombe,
  type CertifiedRun,
  type RunTables,
} from '../../../tools/results/comparison/comparison.js';
import { compareWith } from '../../../tools/results/comparison/compare-runs.js';
import { renderVerdict } from '../../../tools/results/write.js';
import { writeWhole } from '../../../tools/base/files.js';
import { filesOf, findingsOf, planOf, type Outcomes } from '../builders.js';

const certified = (over: Partial<CertifiedRun> = {}): CertifiedRun => ({
  ...{ ratio: 1, interval: { low: 0.99, high: 1.0101010101 }, flagged: 'false', triage: 'PASS' },
  ...{ state: 'certified', ...over },
});
const run = (over: Partial<RunTables> = {}): RunTables => ({
  ...{ verdict: 'PHASE0_VALIDATED', complete: true },
  ...{ accuracy: { hits: 9, of: 10 }, errorDetection: { hits: 5, of: 5 } },
  evaluations: new Map([['m/a/city', { value: 0.8, n: 100 }]]),
  certificates: new Map([['m/a/run_1', certified()]]),
  ...over,
});

describe('formulas', () => {
  test('accuracies: two standard errors of a difference', () => {
    // 2·√(0.16/100 + 0.2244/100) = 0.124.
    const at = (value: number) =>
      compareRuns(run(), run({ evaluations: new Map([['m/a/city', { value, n: 100 }]]) })).accuracies[0];
    expect(at(0.66)?.noise).toBeCloseTo(0.124, 3);
    expect(at(0.66)).toMatchObject({ moreThanNoise: true, before: 0.8, after: 0.66 });
    expect(at(0.7)?.moreThanNoise).toBe(false);
    expect(at(0.8)?.moreThanNoise).toBe(false);
  });

  test('ratios: on the log scale, from both intervals; without one nobody knows', () => {
    // Half-widths of ±0.01005 on the log scale: together √2 of it, 0.01421.
    const at = (over: Partial<CertifiedRun>) =>
      compareRuns(run(), run({ certificates: new Map([['m/a/run_1', certified(over)]]) })).ratios[0];
    const [low, high] = [1.02 * 0.99, 1.02 / 0.99];
    expect(at({ ratio: 1.02, interval: { low, high } })?.noise).toBeCloseTo(Math.exp(0.014213), 5);
    expect(at({ ratio: 1.02, interval: { low, high } })?.moreThanNoise).toBe(true);
    expect(at({ ratio: 1.01, interval: { low, high } })?.moreThanNoise).toBe(false);
    expect(at({ ratio: 1.5, interval: null })).toMatchObject({ noise: null, moreThanNoise: null });
    expect(at({ ratio: null })).toBeUndefined();
  });

  test("rates: Newcombe's interval of a difference", () => {
    // Newcombe 1998, table II, example (a): 56/70 − 48/80, method 10: 0.0524 to 0.3339.
    const { low, high } = newcombe({ hits: 48, of: 80 }, { hits: 56, of: 70 });
    expect(low).toBeCloseTo(0.0524, 4);
    expect(high).toBeCloseTo(0.3339, 4);
    const better = compareRuns(
      run({ accuracy: { hits: 48, of: 80 } }),
      run({ accuracy: { hits: 56, of: 70 } }),
    );
    expect(better.rates[0]).toMatchObject({ name: 'accuracy', moreThanNoise: true });
    expect(compareRuns(run(), run({ accuracy: { hits: 8, of: 10 } })).rates[0]?.moreThanNoise).toBe(false);
    expect(compareRuns(run(), run({ accuracy: { hits: 0, of: 0 } })).rates).toHaveLength(1);
  });

  test('what is judged otherwise, and what only one run has', () => {
    const after = run({
      evaluations: new Map([['m/b/city', { value: 1, n: 100 }]]),
      certificates: new Map([['m/a/run_1', certified({ flagged: 'true', triage: 'FAIL', ratio: 1.5 })]]),
    });
    const { flips, onlyBefore, onlyAfter } = compareRuns(run(), after);
    expect(flips).toEqual([
      { name: 'm/a/run_1', what: 'flagged', before: 'false', after: 'true', moreThanNoise: true },
      { name: 'm/a/run_1', what: 'triage', before: 'PASS', after: 'FAIL', moreThanNoise: true },
    ]);
    expect(onlyBefore).toEqual(['m/a/city']);
    expect(onlyAfter).toEqual(['m/b/city']);
  });
});

describe('compareWith', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'comparison-'));
  });
  afterEach(() => {
    rmSync(root, { recursive: true, force: true });
  });

  /** The analysis files of a run, in `output/s` below a directory. */
  function made(name: string, outcomes: Outcomes): string {
    const plan = planOf({ edits: { a_clean: 'clean', b_stress: 'stress' } });
    for (const [path, text] of renderVerdict(findingsOf(plan, filesOf(plan, outcomes)))) {
      writeWhole(join(root, name, path), text);
    }
    return join(root, name);
  }

  test('two runs, from their files', () => {
    const before = made('before', { n: 400 });
    const after = made('after', {
      n: 400,
      accuracy: { 'm/b_stress/city': 0.5, 'm/a_clean/job': 0.91 },
      certificates: { 'm/b_stress/1': { flags: { primary_metric_acceptable: false }, ratio: 2 } },
    });
    const lines = compareWith(after, 's', join(before, 'output/s'));
    const text = lines.join('\n');
    expect(text).toContain('figures          6 accuracies, 3 ratios compared; 2 beyond noise');
    expect(text).toMatch(
      /m\/b_stress\/city +0\.9000 -> 0\.5000 +-40\.0 points \(noise up to 5\.8\): more than\s+noise/,
    );
    expect(text).toMatch(/m\/a_clean\/job .*within noise/);
    expect(text).toMatch(/m\/b_stress\/run_1 +flagged +false -> true/);
    const json = JSON.parse(readFileSync(join(after, 'output/s/reports/comparison.json'), 'utf8')) as object;
    expect(json).toMatchObject({ schema: 1, suite: 's', flips: [{ what: 'flagged' }, { what: 'triage' }] });
    expect(compareWith(before, 's', join(before, 'output/s')).join('\n')).toContain('all 6 the same');
  });

  test('a directory that is no run is named, with what is wanted', () => {
    const after = made('after', {});
    expect(() => compareWith(after, 's', join(root, 'nowhere'))).toThrow(
      /nowhere\/reports\/final_verdict\.json does not exist\. --with takes a copy of an output\/<suite> directory/,
    );
    writeWhole(join(root, 'torn/reports/final_verdict.json'), '{"verdict"');
    expect(() => compareWith(after, 's', join(root, 'torn'))).toThrow(/is no analysis file/);
  });
});
