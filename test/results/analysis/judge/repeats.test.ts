import { describe, expect, it } from 'vitest';
import { majority, type Run } from '../../../../tools/results/analysis/judge/repeats.js';

const THRESHOLD = 1.2 + 0.002;

function run(flagged: boolean | null, ratio: number | null = 1, repeats: number | null = null): Run {
  const pm = { kind: 'ppl_causal', preview: 10, final: 10, ratio };
  return { repeats, flagged, judgement: flagged === null ? null : { pm, threshold: THRESHOLD } };
}

describe('majority', () => {
  it.each<[string, Run[], boolean | null]>([
    ['one run is itself', [run(true)], true],
    ['one flag of three is chance', [run(true), run(false), run(false)], false],
    ['two of three are a majority', [run(true), run(true), run(false)], true],
    ['a run that only repeats another has no vote', [run(false), run(true, 1, 1), run(true, 1, 1)], false],
    ['a missing run cannot turn two of three', [run(true), run(true), run(null)], true],
    ['a missing run could turn one of two', [run(true), run(null)], null],
    ['no run says nothing', [], null],
    ['none that is judged says nothing', [run(null)], null],
  ])('%s', (_what, runs, wanted) => {
    expect(majority(runs)).toBe(wanted);
  });

  it('pools the windows of an even split', () => {
    expect(majority([run(true, 1.25), run(false, 1.15)])).toBe(false);
    expect(majority([run(true, 1.4), run(false, 1.19)])).toBe(true);
  });

  it('does not let a split over another guard flag an edit whose perplexity passes', () => {
    expect(majority([run(true, 1.0), run(false, 1.0)])).toBe(false);
  });

  it.each([NaN, Infinity, 0, -1])('flags an even split with a ratio of %s', (ratio) => {
    expect(majority([run(true, ratio), run(false, 1)])).toBe(true);
  });
});
