// Logistic regression on one variable by Firth's penalised likelihood. D. Firth, Biometrika 80 (1993).

export interface FirthFit {
  intercept: number;
  slope: number;
  /** Of both, the inverse of Fisher's information. */
  covariance: readonly [readonly [number, number], readonly [number, number]];
}

interface Point {
  x: number;
  y: number;
}

const STEPS = 200;
const TOLERANCE = 1e-10;

/** Slopes of the starts, on the scaled variable; falling ones too. */
const START_SLOPES = [-10, -3, -1, 1, 3, 10];
/** Places where a start rises through ½. */
const MOST_PLACES = 20;

/**
 * Maximises log L + ½ log det I by Newton's steps on Firth's score, halved while they do not raise it. There may be more
 * than one maximum, so they start flat and from the best curve of several slopes, and the highest end counts. The variable
 * is scaled to mean 0 and variance 1 meanwhile, which changes nothing but the condition of I. One that does not vary has no
 * slope.
 */
export function firth(values: readonly number[], flagged: readonly boolean[]): FirthFit {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length) || 1;
  const points = values.map((value, at) => ({ x: (value - mean) / spread, y: flagged[at] === true ? 1 : 0 }));
  const ends = [flat(), ...steep(points)].map((start) => climb(points, start));
  const beta = highest(points, ends);
  const [[aa, ab], [, bb]] = inverse(information(points, beta));
  // Back to the scale of the values: slope ÷ spread, intercept − slope · mean ÷ spread.
  const ratio = mean / spread;
  return {
    intercept: beta[0] - beta[1] * ratio,
    slope: beta[1] / spread,
    covariance: [
      [aa - 2 * ratio * ab + ratio * ratio * bb, (ab - ratio * bb) / spread],
      [(ab - ratio * bb) / spread, bb / (spread * spread)],
    ],
  };
}

type Beta = readonly [number, number];

function flat(): Beta {
  return [0, 0];
}

/** Of each slope the best place. */
function steep(points: readonly Point[]): Beta[] {
  const sorted = [...new Set(points.map(({ x }) => x))].sort((a, b) => a - b);
  const between = sorted.slice(1).map((x, at) => (x + (sorted[at] ?? x)) / 2);
  const every = Math.ceil(between.length / MOST_PLACES);
  const places = between.filter((_, at) => at % every === 0);
  return START_SLOPES.map((slope) =>
    highest(
      points,
      places.map((place): Beta => [-slope * place, slope]),
    ),
  );
}

function highest(points: readonly Point[], betas: readonly Beta[]): Beta {
  let best = flat();
  let value = -Infinity;
  for (const beta of betas) {
    const one = penalised(points, beta);
    if (one > value) [best, value] = [beta, one];
  }
  return best;
}

function climb(points: readonly Point[], start: Beta): Beta {
  let beta = start;
  for (let step = 0; step < STEPS; step += 1) {
    const [a, b] = stepAt(points, beta);
    const at = (share: number): Beta => [beta[0] + share * a, beta[1] + share * b];
    const here = penalised(points, beta);
    let share = 1;
    while (share > 1e-6 && penalised(points, at(share)) < here) share /= 2;
    beta = at(share);
    if (Math.abs(share * a) + Math.abs(share * b) < TOLERANCE) break;
  }
  return beta;
}

type Matrix = readonly [readonly [number, number], readonly [number, number]];

function probability([a, b]: Beta, x: number): number {
  return 1 / (1 + Math.exp(-(a + b * x)));
}

function information(points: readonly Point[], beta: Beta): Matrix {
  let [aa, ab, bb] = [0, 0, 0];
  for (const { x } of points) {
    const p = probability(beta, x);
    const weight = p * (1 - p);
    aa += weight;
    ab += weight * x;
    bb += weight * x * x;
  }
  return [
    [aa, ab],
    [ab, bb],
  ];
}

function determinant([[a, b], [c, d]]: Matrix): number {
  return a * d - b * c;
}

/** Of a variable that does not vary only the intercept's part exists. */
function inverse(matrix: Matrix): Matrix {
  const [[a, b], [, d]] = matrix;
  const det = determinant(matrix);
  if (!(det > 0)) {
    return [
      [a > 0 ? 1 / a : 0, 0],
      [0, 0],
    ];
  }
  return [
    [d / det, -b / det],
    [-b / det, a / det],
  ];
}

function penalised(points: readonly Point[], beta: Beta): number {
  const likelihood = points.reduce((sum, { x, y }) => {
    const logit = beta[0] + beta[1] * x;
    // log(1 + e^z) without overflow.
    return sum + y * logit - (Math.max(0, logit) + Math.log1p(Math.exp(-Math.abs(logit))));
  }, 0);
  const det = determinant(information(points, beta));
  return likelihood + (det > 0 ? 0.5 * Math.log(det) : 0);
}

/** I⁻¹ times Firth's score Σ (y − p + h(½ − p))·(1, x), h being the hat's diagonal. */
function stepAt(points: readonly Point[], beta: Beta): Beta {
  const [[aa, ab], [, bb]] = inverse(information(points, beta));
  let [u, v] = [0, 0];
  for (const { x, y } of points) {
    const p = probability(beta, x);
    const hat = p * (1 - p) * (aa + 2 * ab * x + bb * x * x);
    const residual = y - p + hat * (0.5 - p);
    u += residual;
    v += residual * x;
  }
  return [aa * u + ab * v, ab * u + bb * v];
}
