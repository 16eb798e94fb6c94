// The statistical functions against figures that scipy gives by other ways (oracles.py), and against published examples.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  binomialTail,
  normalCdf,
  studentTwoSided,
} from '../../../../tools/results/analysis/ground-truth/distributions.js';
import { clopperPearson } from '../../../../tools/results/analysis/ground-truth/intervals.js';
import {
  holm,
  marginP,
  mcnemarDrop,
  tangoStatistic,
} from '../../../../tools/results/analysis/ground-truth/paired-tests.js';
import { REPOSITORY } from '../../../support/repository.js';

interface Oracles {
  normal: { z: number; p: number }[];
  student: { t: number; freedom: number; p: number }[];
  mcnemar: { lost: number; won: number; p: number }[];
  holm: { p: number[]; adjusted: number[] }[];
  tango: { lost: number; won: number; n: number; drop: number; statistic: number }[];
  clopperPearson: { hits: number; of: number; low: number; high: number }[];
}

const oracles = JSON.parse(
  readFileSync(join(import.meta.dirname, 'fixtures/oracles.json'), 'utf8'),
) as Oracles;

/** Relative, so that a tail of 1e-30 counts as much as a half. */
function expectClose(value: number, wanted: number, relative = 1e-9): void {
  expect(Math.abs(value - wanted)).toBeLessThanOrEqual(relative * Math.abs(wanted) + 1e-300);
}

describe('against scipy', () => {
  it('gives the normal distribution', () => {
    for (const { z, p } of oracles.normal) expectClose(normalCdf(z), p);
  });
  it("gives Student's t", () => {
    for (const { t, freedom, p } of oracles.student) expectClose(studentTwoSided(t, freedom), p);
  });
  it('gives the exact one-sided McNemar test', () => {
    for (const one of oracles.mcnemar) expectClose(mcnemarDrop(one), one.p, 1e-8);
  });
  it("gives Holm's adjustment, which is the closure of Bonferroni's", () => {
    for (const { p, adjusted } of oracles.holm)
      holm(p).forEach((one, at) => {
        expectClose(one, adjusted[at] ?? NaN);
      });
  });
  it("gives Tango's statistic", () => {
    for (const { statistic, drop, ...counts } of oracles.tango) {
      expectClose(tangoStatistic(counts, drop), statistic, 1e-5);
    }
  });
  it("gives Clopper and Pearson's interval", () => {
    for (const { hits, of, low, high } of oracles.clopperPearson) {
      const interval = clopperPearson(hits, of);
      expect(interval.low).toBeCloseTo(low, 9);
      expect(interval.high).toBeCloseTo(high, 9);
    }
  });
  it('has figures that oracles.py still gives', () => {
    execFileSync(join(REPOSITORY, '.venv/bin/python'), [join(import.meta.dirname, 'oracles.py'), '--check'], {
      env: { ...process.env, OMP_NUM_THREADS: '1' },
    });
  });
});

describe('published examples', () => {
  it("gives the interval of Fagerland, Lydersen and Laake (2014) for the airway data: Tango's, -0.517 to -0.026", () => {
    const counts = { lost: 1, won: 7, n: 21 };
    expect(tangoStatistic(counts, -0.517)).toBeCloseTo(1.96, 2);
    expect(tangoStatistic(counts, -0.026)).toBeCloseTo(-1.96, 2);
  });
  it('gives one half for as many gains as losses, and the sum of a binomial tail', () => {
    expect(mcnemarDrop({ lost: 4, won: 6 })).toBeCloseTo(848 / 1024, 12);
    expect(binomialTail(3, 5, 0.5)).toBeCloseTo(0.5, 12);
  });
  it('cannot rule out a drop of 2 points with 128 items even where no answer changed, and can with 133', () => {
    expect(marginP({ lost: 0, won: 0, n: 132 }, 0.02)).toBeGreaterThan(0.05);
    expect(marginP({ lost: 0, won: 0, n: 133 }, 0.02)).toBeLessThan(0.05);
  });
});
