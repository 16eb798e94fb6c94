import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { labelOf } from '../../../../tools/results/analysis/ground-truth/label.js';
import {
  holm,
  macroDifference,
  marginP,
  mcnemarDrop,
  tangoStatistic,
} from '../../../../tools/results/analysis/ground-truth/paired-tests.js';
import { joined } from './made-outcomes.js';

const FOUR = { n: 512, wrong: 50 };
const same = { a: FOUR, b: FOUR, c: FOUR, d: FOUR };

describe('labelOf', () => {
  it('calls an edit that changes no answer harmless', () => {
    const { label, decidedBy, difference } = labelOf(joined(same));
    expect(label).toBe('harmless');
    expect(difference).toBe(0);
    // Each benchmark alone is the weakest link here, not their mean.
    expect(decidedBy).toMatchObject({ test: 'margin', benchmark: 'a' });
    expect(decidedBy.p).toBeLessThan(0.05);
  });

  it('does not call 2 lost answers of 128 harmful, though the baseline has all of them right', () => {
    const perfect = { n: 128 };
    const { label, benchmarks } = labelOf(
      joined({ a: perfect, b: perfect, c: perfect, d: { n: 128, lost: 2 } }),
    );
    expect(label).toBe('undecided');
    expect(benchmarks[3]?.dropP).toBeCloseTo(0.25, 12);
  });

  it('calls the README’s example (4 lost, 6 won of 128) no harm: p = .83', () => {
    const perfect = { n: 128, wrong: 10 };
    const { label, benchmarks } = labelOf(
      joined({ a: perfect, b: perfect, c: perfect, d: { ...perfect, lost: 4, won: 6 } }),
    );
    expect(label).not.toBe('harmful');
    expect(benchmarks[3]?.dropP).toBeCloseTo(0.83, 2);
  });

  it('calls a drop in one benchmark harmful and names it, with Holm’s p', () => {
    const { label, decidedBy } = labelOf(joined({ ...same, c: { ...FOUR, lost: 12, won: 1 } }));
    expect(label).toBe('harmful');
    expect(decidedBy).toEqual({ test: 'drop', benchmark: 'c', p: 4 * mcnemarDrop({ lost: 12, won: 1 }) });
  });

  it('calls a small drop everywhere harmful by the mean, where no benchmark alone shows it', () => {
    const small = { n: 512, wrong: 50, lost: 9, won: 3 };
    const { label, decidedBy, benchmarks } = labelOf(joined({ a: small, b: small, c: small, d: small }));
    expect(benchmarks.every(({ dropAdjustedP }) => dropAdjustedP > 0.025)).toBe(true);
    expect(label).toBe('harmful');
    expect(decidedBy).toMatchObject({ test: 'drop', benchmark: null });
  });

  it('calls a drop that is real and below the margin harmless', () => {
    const slight = { n: 20_000, wrong: 5_000, lost: 100, won: 40 };
    const { label, dropP } = labelOf(joined({ a: slight }));
    expect(dropP).toBeLessThan(0.001);
    expect(label).toBe('harmless');
  });

  it('calls answers that are no numbers harmful before anything else', () => {
    const { label, decidedBy, secondary } = labelOf(joined({ ...same, b: { ...FOUR, broken: true } }));
    expect(label).toBe('harmful');
    expect(decidedBy).toEqual({ test: 'non_finite', benchmark: 'b', p: null });
    expect(secondary.klOverChoices).toBeNull();
  });

  it('takes the margins it is given', () => {
    const some = { n: 512, wrong: 50, lost: 4, won: 4 };
    expect(labelOf(joined({ a: some }), { overall: 0.001, perBenchmark: 0.02 }).label).toBe('undecided');
    expect(labelOf(joined({ a: some }), { overall: 0.05, perBenchmark: 0.05 }).label).toBe('harmless');
  });
});

const counts = fc
  .record({ n: fc.integer({ min: 1, max: 3000 }), lost: fc.nat(), won: fc.nat() })
  .map(({ n, lost, won }) => ({ n, lost: lost % (n + 1), won: won % (n - (lost % (n + 1)) + 1) }));

describe('properties of the tests', () => {
  it('gives probabilities, rising with what was won and falling with what was lost', () => {
    fc.assert(
      fc.property(counts, fc.double({ min: 0.001, max: 0.2, noNaN: true }), ({ n, lost, won }, drop) => {
        const p = mcnemarDrop({ lost, won });
        const m = marginP({ n, lost, won }, drop);
        expect(p).toBeGreaterThanOrEqual(0);
        expect(p).toBeLessThanOrEqual(1);
        expect(m).toBeGreaterThanOrEqual(0);
        expect(m).toBeLessThanOrEqual(1);
        if (lost + won >= n) return;
        expect(mcnemarDrop({ lost: lost + 1, won })).toBeLessThanOrEqual(p + 1e-12);
        expect(mcnemarDrop({ lost, won: won + 1 })).toBeGreaterThanOrEqual(p - 1e-12);
        expect(marginP({ n, lost: lost + 1, won }, drop)).toBeGreaterThanOrEqual(m - 1e-9);
      }),
    );
  });

  it('mirrors: a drop of δ in one direction is a gain of δ in the other', () => {
    fc.assert(
      fc.property(counts, fc.double({ min: 0.001, max: 0.9, noNaN: true }), ({ n, lost, won }, drop) => {
        const forth = tangoStatistic({ n, lost, won }, drop);
        const back = tangoStatistic({ n, lost: won, won: lost }, -drop);
        expect(Math.abs(forth + back)).toBeLessThanOrEqual(1e-6 * (1 + Math.abs(forth)));
      }),
    );
  });

  it("keeps Holm's p-values in order, never below the raw ones, never above Bonferroni's", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 8 }),
        (raw) => {
          const adjusted = holm(raw);
          raw.forEach((p, at) => {
            expect(adjusted[at]).toBeGreaterThanOrEqual(p);
            expect(adjusted[at]).toBeLessThanOrEqual(Math.min(1, raw.length * p) + 1e-15);
            raw.forEach((q, other) => {
              if (p < q) expect(adjusted[at]).toBeLessThanOrEqual(adjusted[other] ?? NaN);
            });
          });
        },
      ),
    );
  });

  it('has an error that is never 0, and a mean that does not depend on the order of benchmarks', () => {
    fc.assert(
      fc.property(fc.array(counts, { minLength: 1, maxLength: 6 }), (all) => {
        const forth = macroDifference(all);
        const back = macroDifference([...all].reverse());
        expect(forth.standardError).toBeGreaterThan(0);
        expect(forth.difference).toBeCloseTo(back.difference, 12);
        expect(forth.standardError).toBeCloseTo(back.standardError, 12);
      }),
    );
  });

  it('labels the same whatever the order of the benchmarks', () => {
    fc.assert(
      fc.property(fc.array(counts, { minLength: 2, maxLength: 4 }), (all) => {
        const named = all.map((one, at) => [`b${at}`, { ...one, n: Math.min(one.n, 400) }] as const);
        const small = named.map(([name, { n, lost, won }]) => {
          const few = { n, lost: Math.min(lost, Math.floor(n / 2)), won: Math.min(won, Math.floor(n / 2)) };
          return [name, few] as const;
        });
        const forth = labelOf(joined(Object.fromEntries(small)));
        const back = labelOf(joined(Object.fromEntries([...small].reverse())));
        expect(forth.label).toBe(back.label);
      }),
      { numRuns: 40 },
    );
  });
});
