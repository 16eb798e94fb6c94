import { expect, test } from 'vitest';
import { moreRuns, type Sample } from '../../../tools/results/analysis/more-runs.js';
import { moreRunsSentences } from '../../../tools/results/outputs/text/more-runs-text.js';
import { confidenceScore, wilson } from '../../../tools/results/analysis/statistics/statistics.js';
import { decide } from '../../../tools/results/analysis/verdict.js';

function ask(sample: Sample, errorDetection = 1) {
  const { tests, errors, accuracy, f1 } = sample;
  const score = confidenceScore({ tests, errors, accuracy: wilson((accuracy ?? 0) * tests, tests), f1 });
  const verdict = decide({ accuracy, errorDetection, score: score.score });
  return { score, verdict, more: moreRuns(sample, verdict, score) };
}

test('edits, errors and models that would lift MEDIUM to HIGH, each checked against the formula', () => {
  // 10 of 11 edits, F1 0.8: 14.88 + 18.35 + 25·(1 − 0.361) + 20 = 69.2.
  const sample = { tests: 11, errors: 7, models: 2, accuracy: 10 / 11, f1: 0.8 };
  const { score, verdict, more } = ask(sample);
  expect(score.score).toBeCloseTo(69.2, 1);
  expect(verdict.confidence).toBe('MEDIUM');
  expect(more).toMatchObject({ target: 'HIGH', needed: 75, ceiling: 95, obstacles: [] });
  expect(more.ways.map(({ what }) => what)).toEqual(['models', 'edits', 'errors']);
  for (const { what, add, score: promised } of more.ways) {
    const grown = (extra: number): number => {
      const tests = 11 + (what === 'edits' ? extra : what === 'models' ? 5.5 * extra : 0);
      const errors = 7 + (what === 'errors' ? extra : what === 'models' ? 3.5 * extra : 0);
      return confidenceScore({ tests, errors, accuracy: wilson((10 / 11) * tests, tests), f1: 0.8 }).score;
    };
    expect(promised).toBeCloseTo(grown(add), 10);
    expect(promised).toBeGreaterThanOrEqual(75);
    expect(grown(add - 1)).toBeLessThan(75);
  }
  expect(moreRunsSentences(more)[0]).toMatch(
    /^Confidence HIGH needs a score of 75; if they came out alike, \d+ more models? .* or \d+ more judged errors? \(score 7\d\.\d\) would reach it\.$/,
  );
});

test('what no run buys is said', () => {
  const { verdict, more } = ask({ tests: 40, errors: 16, models: 5, accuracy: 0.7, f1: 0.4 });
  expect(verdict.confidence).toBe('MEDIUM');
  expect(more.target).toBe('HIGH');
  expect(more.obstacles.join()).toContain('HIGH needs an accuracy of 80.0 %, it is 70.0 %');
  // Nothing found and nothing to find: F1 is null, and 75 points are all there is.
  const nothing = ask({ tests: 4, errors: 2, models: 1, accuracy: 1, f1: null }).more;
  expect(nothing).toMatchObject({ target: 'MEDIUM', ceiling: 75 });
});

test('a failure, and HIGH, want nothing', () => {
  expect(ask({ tests: 11, errors: 7, models: 2, accuracy: 0.5, f1: 0.5 }).more.target).toBeNull();
  const high = ask({ tests: 64, errors: 40, models: 8, accuracy: 0.95, f1: 0.95 });
  expect(high.verdict.confidence).toBe('HIGH');
  expect(high.more).toMatchObject({ target: null, ways: [], obstacles: [] });
  expect(moreRunsSentences(high.more)).toEqual([]);
});
