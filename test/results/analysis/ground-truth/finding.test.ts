// The finding each kind of run must give: what an audit showed the accuracy rule to get wrong.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  findingOf,
  type Finding,
  type JudgedVariant,
} from '../../../../tools/results/analysis/ground-truth/finding.js';
import { bootstrapOfModels, modelsRate } from '../../../../tools/results/analysis/ground-truth/intervals.js';
import type { Label } from '../../../../tools/results/analysis/ground-truth/label.js';

const MODELS = ['a', 'b', 'c', 'd'];

interface Group {
  count: number;
  label: Label | null;
  flagged: boolean | null;
  kind?: 'edit' | 'error';
  byDefinition?: boolean;
}

/** Variants spread evenly over the models. */
function run(groups: readonly Group[], models: readonly string[] = MODELS): Finding {
  return findingOf(
    groups.flatMap(({ count, kind = 'edit', byDefinition = false, ...rest }) =>
      Array.from({ length: count }, (_, at): JudgedVariant => {
        return { model: models[at % models.length] ?? '', kind, byDefinition, ...rest };
      }),
    ),
  );
}

const errors = { count: 40, kind: 'error', label: 'harmful', flagged: true } as const;

describe('findingOf', () => {
  it('refutes where 24 of 64 edits are ruined and none is flagged', () => {
    const finding = run([
      { count: 24, label: 'harmful', flagged: false },
      { count: 40, label: 'harmless', flagged: false },
      errors,
    ]);
    expect(finding.status).toBe('REFUTED');
    expect(finding.sensitivity).toMatchObject({ hits: 0, of: 24 });
    expect(finding.reasons).toEqual(['harmful edits flagged: 0 of 24 (0 % to 14 %), below 60 %']);
    // What the original rule saw: 63 % right.
    expect(finding.accuracy.decided.value).toBeCloseTo(0.625, 3);
  });

  it('refutes where everything is flagged', () => {
    const finding = run([
      { count: 24, label: 'harmful', flagged: true },
      { count: 40, label: 'harmless', flagged: true },
      errors,
    ]);
    expect(finding.status).toBe('REFUTED');
    expect(finding.specificity).toMatchObject({ hits: 0, of: 40 });
  });

  it.each([
    [
      'no harmful edit at all',
      [{ count: 64, label: 'harmless', flagged: false }, errors],
      'no harmful edits, 5 are needed',
    ],
    [
      'one edit and one error',
      [
        { count: 1, label: 'harmful', flagged: true },
        { ...errors, count: 1 },
      ],
      'only 1 harmful edit, 5 are needed',
    ],
    ['nothing', [], '0 of 0 edits have a label and a judgement, 80 % are needed'],
    [
      'too many undecided',
      [
        { count: 10, label: 'harmful', flagged: true },
        { count: 10, label: 'harmless', flagged: false },
        { count: 6, label: 'undecided', flagged: false },
        errors,
      ],
      '20 of 26 edits have a label and a judgement, 80 % are needed',
    ],
    [
      'no outcomes',
      [{ count: 8, label: null, flagged: false }, errors],
      '0 of 8 edits have a label and a judgement, 80 % are needed',
    ],
  ] as const)('is not assessable of %s', (_what, groups: readonly Group[], reason) => {
    const finding = run(groups);
    expect(finding.status).toBe('NOT_ASSESSABLE');
    expect(finding.reasons).toContain(reason);
    expect(finding.settling).not.toEqual([]);
  });

  it('supports where many of each are judged rightly', () => {
    const finding = run([
      { count: 24, label: 'harmful', flagged: true },
      { count: 40, label: 'harmless', flagged: false },
      errors,
    ]);
    expect(finding).toMatchObject({ status: 'SUPPORTED', reasons: [], settling: [] });
  });

  it('says what is too little, and how much more would settle it', () => {
    const finding = run([
      { count: 6, label: 'harmful', flagged: true },
      { count: 40, label: 'harmless', flagged: false },
      { count: 3, kind: 'error', label: 'harmful', flagged: true },
    ]);
    expect(finding.status).toBe('INSUFFICIENT');
    expect(finding.reasons).toEqual([
      'harmful edits flagged: 6 of 6 (54 % to 100 %), too few to tell whether it reaches 60 %',
      'harmful errors flagged: 3 of 3 (29 % to 100 %), too few to tell whether it reaches 80 %',
    ]);
    // 8 of 8 and 17 of 17 are the first whose exact intervals reach the limits.
    expect(finding.settling).toEqual([
      'About 2 more harmful edits, if they come out as those so far',
      'About 14 more errors that are shown harmful, if they come out as those so far',
    ]);
  });

  it('keeps errors that are harmful by what they are apart: they buy no error detection', () => {
    const finding = run([
      { count: 24, label: 'harmful', flagged: true },
      { count: 40, label: 'harmless', flagged: false },
      { ...errors, byDefinition: true },
      { count: 3, kind: 'error', label: 'harmless', flagged: false },
    ]);
    expect(finding.status).toBe('INSUFFICIENT');
    expect(finding.errorDetection.of).toBe(0);
    expect(finding.nonFiniteDetection).toMatchObject({ hits: 40, of: 40 });
    expect(finding.reasons).toEqual(['harmful errors flagged: none was shown harmful, so nothing is known']);
  });

  it('bounds accuracy by the undecided edits: all right, and all wrong', () => {
    const { accuracy, coverage } = run([
      { count: 6, label: 'harmful', flagged: true },
      { count: 2, label: 'harmful', flagged: null },
      { count: 8, label: 'harmless', flagged: false },
      { count: 2, label: 'undecided', flagged: true },
    ]);
    expect(accuracy).toMatchObject({ undecidedRight: 1, undecidedWrong: 14 / 16 });
    expect(coverage).toEqual({ decided: 14, of: 18, undecided: 2, unlabelled: 0, unjudged: 2 });
  });
});

describe('intervals over models', () => {
  it('are as wide as the models differ: one model that misses all counts as one model', () => {
    const apart = modelsRate([
      { model: 'a', hits: 10, of: 10 },
      { model: 'b', hits: 10, of: 10 },
      { model: 'c', hits: 0, of: 10 },
    ]);
    const alike = modelsRate(MODELS.slice(0, 3).map((model) => ({ model, hits: 7, of: 10 })));
    expect(apart.interval.low).toBe(0);
    expect(apart.interval.high).toBe(1);
    expect(alike.interval.low).toBeGreaterThan(0.4);
  });

  it('are the same each time, hold the rate, and are never narrower than either of their two kinds', () => {
    const models = fc.array(
      fc.nat({ max: 12 }).chain((of) => fc.record({ of: fc.constant(of), hits: fc.nat({ max: of }) })),
      { minLength: 1, maxLength: 5 },
    );
    fc.assert(
      fc.property(models, (all) => {
        const counts = all.map((one, at) => ({ model: `${at}`, ...one }));
        const { value, interval } = modelsRate(counts);
        expect(modelsRate(counts).interval).toEqual(interval);
        if (value === null) {
          expect(interval).toEqual({ low: 0, high: 1 });
          return;
        }
        expect(interval.low).toBeLessThanOrEqual(value + 1e-9);
        expect(interval.high).toBeGreaterThanOrEqual(value - 1e-9);
        const tried = counts.filter(({ of }) => of > 0);
        const resampled = tried.length > 1 ? bootstrapOfModels(tried) : interval;
        expect(interval.low).toBeLessThanOrEqual(resampled.low);
        expect(interval.high).toBeGreaterThanOrEqual(resampled.high);
      }),
      { numRuns: 30 },
    );
  });
});
