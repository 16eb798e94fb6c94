// The detection curve of a judge: the probability that it flags a variant, against how much the variant really lost.
import { NORMAL_95 } from '../ground-truth/distributions.js';
import { drawnModels, percentiles, widest } from '../statistics/resampling.js';
import type { Interval } from '../statistics/statistics.js';
import { firth, type FirthFit } from './firth.js';

export interface Dosed {
  model: string;
  variant: string;
  /** Mean accuracy lost over the benchmarks, in points; below 0 it gained. */
  harm: number;
  flagged: boolean;
}

export interface CurvePoint extends Interval {
  harm: number;
  probability: number;
}

export interface Curve {
  points: CurvePoint[];
  /** Whether more harm is flagged more often. */
  rises: boolean;
  /**
   * Smallest harm that is caught with 80 %, in points, among the harms that were seen; null where the curve, or the end of
   * its band, does not reach 80 % there.
   */
  caught: { harm: number | null; low: number | null; high: number | null };
  /** What it is drawn through. */
  variants: readonly Dosed[];
  flagged: number;
}

/** With fewer, or of one kind, a curve would say what the method says, not what the data do. */
const LEAST_VARIANTS = 10;
const LEAST_OF_EACH = 3;
const POINTS = 41;
const CAUGHT = 0.8;
const DRAWS = 1_000;

/**
 * A logistic curve by Firth's penalised likelihood, which stays finite where a judge parts the variants without an error,
 * over arsinh(harm in points): linear near 0, logarithmic far off. Its band is Wald's at 95 %, over several models no
 * narrower than whole models drawn anew. Null where there are too few variants for it.
 */
export function detectionCurve(variants: readonly Dosed[]): Curve | null {
  const flagged = variants.filter((one) => one.flagged).length;
  const seen = new Set(variants.map(({ harm }) => harm));
  const short = Math.min(flagged, variants.length - flagged) < LEAST_OF_EACH || seen.size < 3;
  if (variants.length < LEAST_VARIANTS || short) return null;
  const fit = fitOf(variants);
  const resampled = byModels(variants);
  const doses = variants.map(({ harm }) => Math.asinh(harm));
  const [from, to] = [Math.min(...doses), Math.max(...doses)];
  const points = Array.from({ length: POINTS }, (_, at) => {
    const dose = from + ((to - from) * at) / (POINTS - 1);
    const wald = bandAt(fit, dose);
    const drawn = percentiles(resampled.map((one) => logistic(logitAt(one, dose)))) ?? wald;
    return {
      harm: Math.sinh(dose),
      probability: logistic(logitAt(fit, dose)),
      ...widest([wald, drawn]),
    };
  });
  const rises = fit.slope > 0;
  const reaches = (of: (point: CurvePoint) => number): number | null => (rises ? crossing(points, of) : null);
  return {
    points,
    rises,
    caught: {
      harm: reaches(({ probability }) => probability),
      low: reaches(({ high }) => high),
      high: reaches(({ low }) => low),
    },
    variants,
    flagged,
  };
}

function fitOf(variants: readonly Dosed[]): FirthFit {
  return firth(
    variants.map(({ harm }) => Math.asinh(harm)),
    variants.map((one) => one.flagged),
  );
}

function logitAt({ intercept, slope }: FirthFit, dose: number): number {
  return intercept + slope * dose;
}

function bandAt(fit: FirthFit, dose: number): Interval {
  const [[a, b], [, c]] = fit.covariance;
  const half = NORMAL_95 * Math.sqrt(Math.max(0, a + 2 * dose * b + dose * dose * c));
  const logit = logitAt(fit, dose);
  return { low: logistic(logit - half), high: logistic(logit + half) };
}

function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** The first harm from which a line lies at 80 % or above, between two points on the scale of the doses. */
function crossing(points: readonly CurvePoint[], of: (point: CurvePoint) => number): number | null {
  const at = points.findIndex((point) => of(point) >= CAUGHT);
  const [before, after] = [points[at - 1], points[at]];
  if (after === undefined) return null;
  if (before === undefined) return after.harm;
  const share = (CAUGHT - of(before)) / (of(after) - of(before));
  const [from, to] = [Math.asinh(before.harm), Math.asinh(after.harm)];
  return Math.sinh(from + share * (to - from));
}

/** Curves of whole models drawn with replacement, each distinct draw fitted once; none of one model. */
function byModels(variants: readonly Dosed[]): FirthFit[] {
  const models = [...new Set(variants.map(({ model }) => model))];
  if (models.length < 2) return [];
  const groups = models.map((model) => variants.filter((one) => one.model === model));
  const known = new Map<string, FirthFit>();
  return drawnModels(models.length, DRAWS).map((draw) => {
    const drawn = draw.toSorted((a, b) => a - b);
    const key = drawn.join();
    const fit = known.get(key) ?? fitOf(drawn.flatMap((at) => groups[at] ?? []));
    known.set(key, fit);
    return fit;
  });
}
