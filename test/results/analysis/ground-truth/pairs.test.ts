import { describe, expect, it } from 'vitest';
import { discordant, joinArms } from '../../../../tools/results/analysis/ground-truth/pairs.js';
import type { Outcomes } from '../../../../tools/results/read/outcome-table.js';
import { arm } from './made-outcomes.js';

const CHANGE = { city: { n: 40, lost: 3, won: 2, wrong: 9 } };

/** The rows in another order. */
function reordered(of: Outcomes, order: readonly number[]): Outcomes {
  const pick = <T>(values: readonly T[]): T[] => order.map((row) => values[row] as T);
  return {
    benchmark: pick(of.benchmark),
    task: pick(of.task),
    docHash: pick(of.docHash),
    promptHash: pick(of.promptHash),
    metric: pick(of.metric),
    correct: pick(of.correct),
    gold: pick(of.gold),
    logLikelihoods: pick(of.logLikelihoods),
    asked: of.asked,
  };
}

function countsOf(before: Outcomes, after: Outcomes): unknown {
  const result = joinArms('city', before, after);
  return result.ok ? discordant(result.value) : result.mismatch;
}

function askedOf(outcomes: Outcomes, benchmark: string): Outcomes['asked'][string] {
  const asked = outcomes.asked[benchmark];
  if (asked === undefined) throw new Error(benchmark);
  return asked;
}

describe('joinArms', () => {
  it('pairs items by hash, whatever their order', () => {
    const before = arm(CHANGE, 'baseline');
    const after = arm(CHANGE, 'edit');
    const backwards = reordered(after, [...after.docHash.keys()].reverse());
    expect(countsOf(before, after)).toEqual({ lost: 3, won: 2, n: 40 });
    expect(countsOf(before, backwards)).toEqual({ lost: 3, won: 2, n: 40 });
  });

  it('keeps items apart that occur twice', () => {
    const twice = (which: 'baseline' | 'edit'): Outcomes => {
      const once = arm(CHANGE, which);
      return reordered(once, [...once.docHash.keys(), ...once.docHash.keys()]);
    };
    expect(countsOf(twice('baseline'), twice('edit'))).toEqual({ lost: 6, won: 4, n: 80 });
  });

  it('is a mismatch where an item is missing or not the baseline’s', () => {
    const before = arm(CHANGE, 'baseline');
    const after = arm(CHANGE, 'edit');
    const fewer = reordered(after, [...after.docHash.keys()].slice(1));
    expect(countsOf(before, fewer)).toBe(
      "city: 1 of the baseline's 40 items are missing, 0 are not the baseline's",
    );
    const other = {
      ...after,
      docHash: after.docHash.map((hash, row) => (row === 0 ? 'f'.repeat(16) : hash)),
    };
    expect(countsOf(before, other)).toBe(
      "city: 1 of the baseline's 40 items are missing, 1 are not the baseline's",
    );
    expect(joinArms('job', before, after)).toEqual({ ok: false, mismatch: 'job: there are no items' });
  });

  it.each([
    ['prompt', { promptHash: Array.from({ length: 40 }, () => 'x') }],
    ['metric', { metric: Array.from({ length: 40 }, () => 'acc_norm') }],
    ['right choice', { gold: Array.from({ length: 40 }, () => 1) }],
    ['number of choices', { logLikelihoods: Array.from({ length: 40 }, () => [-1, -2, -3]) }],
  ])('is a mismatch where the %s differs', (what, change) => {
    const before = arm(CHANGE, 'baseline');
    const said = countsOf(before, { ...arm(CHANGE, 'edit'), ...change });
    expect(said).toContain(`has another ${what} than the baseline's`);
  });

  it('notes another batch size, which is no mismatch', () => {
    const before = arm(CHANGE, 'baseline');
    const after = arm(CHANGE, 'edit');
    const city = { ...askedOf(after, 'city'), batch_size: '[4]' };
    const result = joinArms('city', before, { ...after, asked: { city } });
    expect(result.ok && result.value.notes).toEqual([
      'city: batch_size was [8] for the baseline and [4] here',
    ]);
  });

  it('joins an arm with a limit of its own with the baseline’s same items', () => {
    const before = arm(CHANGE, 'baseline');
    const after = arm(CHANGE, 'edit');
    const city = { ...askedOf(after, 'city'), limit: '10' };
    const fewer = { ...reordered(after, [...after.docHash.keys()].slice(30)), asked: { city } };
    expect(countsOf(before, fewer)).toEqual({ lost: 3, won: 0, n: 10 });
  });
});
