// AUC, paired tests and detection curves against figures computed another way (oracles.py) and published ones.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { auc, delong, newcombe, type Scored } from '../../../../tools/results/analysis/judge-results/auc.js';
import { detectionCurve } from '../../../../tools/results/analysis/judge-results/curve.js';
import { firth } from '../../../../tools/results/analysis/judge-results/firth.js';
import {
  mcnemarTwoSided,
  paired,
  tangoInterval,
} from '../../../../tools/results/analysis/judge-results/paired.js';
import { REPOSITORY } from '../../../support/repository.js';

interface Oracles {
  auc: {
    harmful: number[];
    harmless: number[];
    value: number;
    delong: [number, number];
    newcombe: [number, number];
  }[];
  paired: { b: number; c: number; n: number; p: number; tango: [number, number] }[];
  firth: {
    doses: number[];
    flagged: number[];
    intercept: number;
    slope: number;
    aa: number;
    ab: number;
    bb: number;
  }[];
}

const oracles = JSON.parse(
  readFileSync(join(import.meta.dirname, 'fixtures/oracles.json'), 'utf8'),
) as Oracles;

const scored = (scores: readonly number[], harmful: boolean, model = 'm'): Scored[] =>
  scores.map((score) => ({ model, score, harmful }));

describe('against scipy and scikit-learn', () => {
  it('gives the area under the curve, ties counted half, and the interval that reaches farther', () => {
    for (const one of oracles.auc) {
      const found = auc([...scored(one.harmful, true), ...scored(one.harmless, false)]);
      expect(found?.value).toBeCloseTo(one.value, 12);
      expect(found?.interval.low).toBeCloseTo(Math.max(0, Math.min(one.delong[0], one.newcombe[0])), 6);
      expect(found?.interval.high).toBeCloseTo(Math.min(1, Math.max(one.delong[1], one.newcombe[1])), 6);
      const raw = delong(scored(one.harmful, true), scored(one.harmless, false));
      expect([raw.low, raw.high].map((end, at) => end - (one.delong[at] ?? NaN))).toEqual([
        expect.closeTo(0, 9),
        expect.closeTo(0, 9),
      ]);
      const score = newcombe(one.value, one.harmful.length, one.harmless.length);
      expect(score.low).toBeCloseTo(one.newcombe[0], 8);
      expect(score.high).toBeCloseTo(one.newcombe[1], 8);
    }
  });
  it("gives the exact two-sided McNemar test and Tango's interval", () => {
    for (const { b, c, n, p, tango } of oracles.paired) {
      expect(mcnemarTwoSided(b, c)).toBeCloseTo(p, 10);
      const { low, high } = tangoInterval(b, c, n);
      expect(low).toBeCloseTo(tango[0], 5);
      expect(high).toBeCloseTo(tango[1], 5);
    }
  });
  it("gives Firth's curve, also where the two kinds are parted", () => {
    for (const { doses, flagged, ...wanted } of oracles.firth) {
      const { intercept, slope, covariance } = firth(
        doses,
        flagged.map((one) => one === 1),
      );
      const found = { intercept, slope, aa: covariance[0][0], ab: covariance[0][1], bb: covariance[1][1] };
      for (const key of ['intercept', 'slope', 'aa', 'ab', 'bb'] as const) {
        expect(found[key], key).toBeCloseTo(wanted[key], 4);
      }
    }
  });
  it('has figures that oracles.py still gives', () => {
    execFileSync(join(REPOSITORY, '.venv/bin/python'), [join(import.meta.dirname, 'oracles.py'), '--check'], {
      env: { ...process.env, OMP_NUM_THREADS: '1' },
    });
  });
});

describe('published examples', () => {
  it('gives the interval of Fagerland, Lydersen and Laake (2014) for the airway data', () => {
    const { low, high } = tangoInterval(1, 7, 21);
    expect([low.toFixed(3), high.toFixed(3)]).toEqual(['-0.517', '-0.026']);
  });
  it('gives z² ÷ (n + z²) either way where nobody is right alone', () => {
    const { low, high } = tangoInterval(0, 0, 18);
    const z2 = 1.959963984540054 ** 2;
    expect(high).toBeCloseTo(z2 / (18 + z2), 9);
    expect(low).toBeCloseTo(-high, 9);
  });
});

describe('the area', () => {
  it('is none without both kinds, and one half of a score that is always the same', () => {
    expect(auc(scored([1, 2], true))).toBeNull();
    expect(auc([...scored([0, 0, 0], true), ...scored([0, 0], false)])?.value).toBe(0.5);
  });
  it('takes infinite scores, of which two are a tie', () => {
    const found = auc([...scored([Infinity, 1], true), ...scored([0, Infinity], false)]);
    expect(found?.value).toBe((1 + 0.5 + 1 + 0) / 4);
  });
  it('knows no less of several models than that they differ', () => {
    const split = [
      ...[...scored([5, 6, 7], true, 'a'), ...scored([1, 2, 3], false, 'a')],
      ...[...scored([1, 2, 3], true, 'b'), ...scored([5, 6, 7], false, 'b')],
    ];
    const apart = auc(split);
    const pooled = auc(split.map((one) => ({ ...one, model: 'm' })));
    expect(apart?.value).toBe(0.5);
    // A draw of one model alone has an area of 1, or of 0.
    expect(apart?.interval).toEqual({ low: 0, high: 1 });
    expect(pooled?.interval.low).toBeGreaterThan(0.1);
    expect(auc(split)).toEqual(apart);
  });
});

describe('two judges', () => {
  const of = (model: string, one: boolean, other: boolean) => ({ model, one, other });
  it('are compared on what only one of them judged rightly', () => {
    const found = paired([
      ...Array.from({ length: 10 }, () => of('m', true, true)),
      ...Array.from({ length: 5 }, () => of('m', true, false)),
      ...[of('m', false, true), of('m', false, false)],
    ]);
    expect(found).toMatchObject({ n: 17, alike: 11, onlyOne: 5, onlyOther: 1, difference: 4 / 17 });
    expect(found.p).toBeCloseTo(14 / 64, 12);
  });
  it('differ by an interval no narrower than that of models drawn anew', () => {
    const found = paired([
      ...Array.from({ length: 20 }, () => of('a', true, false)),
      ...Array.from({ length: 20 }, () => of('b', true, true)),
    ]);
    expect(found.interval).toEqual({ low: 0, high: 1 });
    expect(paired([])).toMatchObject({ n: 0, p: 1, difference: null, interval: { low: -1, high: 1 } });
  });
});

describe('the detection curve', () => {
  const dosed = (harm: number, flagged: boolean, model = 'm') => ({
    model,
    variant: `v${harm}`,
    harm,
    flagged,
  });
  const parted = [0, 0.1, 0.2, 0.5, 0.7, 1, 4, 6, 8, 20, 40].map((harm) => dosed(harm, harm > 2));

  it('is none of few variants, or of a judge that says one thing', () => {
    expect(detectionCurve(parted.slice(0, 9))).toBeNull();
    expect(detectionCurve(parted.map((one) => ({ ...one, flagged: true })))).toBeNull();
    expect(detectionCurve(parted.map((one) => ({ ...one, harm: 1 })))).toBeNull();
  });
  it('rises through the gap between what was passed and what was flagged, inside its band', () => {
    const curve = detectionCurve(parted);
    expect(curve?.rises).toBe(true);
    const { harm = null, low = null, high = null } = curve?.caught ?? {};
    expect(harm).toBeGreaterThan(1);
    expect(harm).toBeLessThan(8);
    expect(low).toBeLessThan(harm ?? NaN);
    expect(high === null || high > (harm ?? NaN)).toBe(true);
    for (const point of curve?.points ?? []) {
      expect(point.low).toBeLessThanOrEqual(point.probability);
      expect(point.high).toBeGreaterThanOrEqual(point.probability);
    }
    const at = curve?.points.map(({ probability }) => probability) ?? [];
    expect(at).toEqual(at.toSorted((a, b) => a - b));
  });
  it('catches nothing with 80 % where it does not rise', () => {
    const falling = parted.map((one) => ({ ...one, flagged: !one.flagged }));
    expect(detectionCurve(falling)).toMatchObject({
      rises: false,
      caught: { harm: null, low: null, high: null },
    });
  });
  it('is no surer over models that disagree', () => {
    const two = ['a', 'b'].flatMap((model) =>
      parted.map((one) => dosed(one.harm, model === 'a' ? one.harm > 0.3 : one.harm > 10, model)),
    );
    const width = (variants: typeof two): number => {
      const { points = [] } = detectionCurve(variants) ?? {};
      return points.reduce((sum, { low, high }) => sum + high - low, 0);
    };
    expect(width(two)).toBeGreaterThan(width(two.map((one) => ({ ...one, model: 'm' }))));
  });
});
