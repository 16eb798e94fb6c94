// The correlation of accuracy and perplexity ratio in words: its interval, and whether a few edits far off make it.
import type { Analysis } from '../../analysis/analyse.js';
import { NORMAL_95 } from '../../analysis/ground-truth/distributions.js';
import { mean, pearson } from '../../analysis/statistics/statistics.js';

interface Point {
  name: string;
  x: number;
  y: number;
}

/** With fewer, a line through them says little, whoever lies far off. */
const LEAST_POINTS = 6;
/** Of the spread of the ratio: what two of six evenly spread edits hold is 0.71. */
const MOST_OF_SPREAD = 0.8;

/** Two edits that hold most of the spread, or without which r is less than half; and r without them. */
export interface FarPair {
  names: [string, string];
  /** Of the sum of squares of the log ratio: fraction of 1. */
  share: number;
  without: number | null;
  rest: number;
}

type Edits = Pick<Analysis, 'edits' | 'correlation'>;

/** `-0.936 over 11 edits (95 %: -0.984 to -0.764)`, and what stands on two edits alone. */
export function correlationText({ edits, correlation: { r, points } }: Edits): string {
  if (r === null) return `not defined, over ${points} edits`;
  const told = `${r.toFixed(3)} over ${points} edits${intervalText(r, points)}`;
  if (points < LEAST_POINTS) return `${told}: too few for r to say much`;
  const far = farPair(pointsOf(edits));
  if (far === null) return told;
  const without = far.without === null ? 'r is not defined' : `r is ${far.without.toFixed(3)}`;
  const held = `hold ${(100 * far.share).toFixed(0)} % of the ratio's spread`;
  return `${told}. It rests on two edits far from the others: ${far.names.join(' and ')} ${held}; without them ${without} over ${far.rest} edits`;
}

function pointsOf(edits: Analysis['edits']): Point[] {
  return edits.flatMap(({ model, variant, meanDelta, meanRatio }) =>
    meanDelta === null || meanRatio === null || !(meanRatio > 0) || !Number.isFinite(meanRatio)
      ? []
      : [{ name: `${model}/${variant}`, x: Math.log(meanRatio), y: meanDelta }],
  );
}

export function farPair(points: readonly Point[]): FarPair | null {
  if (points.length < LEAST_POINTS) return null;
  const [middleX, middleY] = [mean(points.map(({ x }) => x)), mean(points.map(({ y }) => y))];
  const [xx, yy] = [squares(points.map(({ x }) => x - middleX)), squares(points.map(({ y }) => y - middleY))];
  if (xx === 0 || yy === 0) return null;
  const distance = ({ x, y }: Point): number => (x - middleX) ** 2 / xx + (y - middleY) ** 2 / yy;
  const [one, other, ...rest] = points.toSorted((a, b) => distance(b) - distance(a));
  if (one === undefined || other === undefined) return null;
  const share = squares([one.x - middleX, other.x - middleX]) / xx;
  const r = pearson(points.map(({ x, y }) => [y, x])) ?? 0;
  const without = pearson(rest.map(({ x, y }) => [y, x]));
  const leans = share >= MOST_OF_SPREAD || Math.abs(without ?? 0) < Math.abs(r) / 2;
  return leans ? { names: [one.name, other.name], share, without, rest: rest.length } : null;
}

function squares(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value * value, 0);
}

/** Fisher's z, 95 %; none where it would be all there is. */
function intervalText(r: number, n: number): string {
  if (n < 4 || Math.abs(r) >= 1) return '';
  const half = NORMAL_95 / Math.sqrt(n - 3);
  const [low, high] = [Math.tanh(Math.atanh(r) - half), Math.tanh(Math.atanh(r) + half)];
  return ` (95 %: ${low.toFixed(3)} to ${high.toFixed(3)})`;
}
