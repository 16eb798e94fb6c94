// Where labels of an axis stand: round numbers on linear, logarithmic and arsinh scales, far enough apart to be read.

/** Least distance of two labels, as a share of the axis. */
const LEAST_APART = 0.085;

/** 1, 2 and 5 times powers of ten; where the range is within a factor of two, evenly spaced round numbers. */
export function logTicks(low: number, high: number): number[] {
  if (!(low > 0) || !(high > low)) return [];
  if (high / low < 2.5) return evenTicks(low, high);
  const powers = range(Math.floor(Math.log10(low)), Math.ceil(Math.log10(high)));
  const within = (values: number[]): number[] => values.filter((each) => each >= low && each <= high);
  return apart(
    [1, 10, 5, 2].flatMap((times) => within(powers.map((power) => times * 10 ** power))),
    { at: Math.log, low, high },
  );
}

/** 0 first, then 1, 2 and 5 times powers of ten on both sides. */
export function arsinhTicks(low: number, high: number): number[] {
  const most = Math.max(Math.abs(low), Math.abs(high));
  const powers = range(-1, Math.ceil(Math.log10(Math.max(1, most))));
  const sizes = [1, 5, 2].flatMap((times) => powers.toReversed().map((power) => times * 10 ** power));
  const candidates = [0, ...sizes.flatMap((size) => [size, -size])];
  return apart(
    candidates.filter((each) => each >= low && each <= high),
    { at: Math.asinh, low, high },
  );
}

/** Multiples of 1, 2 or 5 times a power of ten, six at most. */
export function evenTicks(low: number, high: number): number[] {
  const rough = (high - low) / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((each) => each >= rough) ?? 10 * power;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return range(first, last).map((count) => Number((count * step).toPrecision(12)));
}

interface Scale {
  at: (value: number) => number;
  low: number;
  high: number;
}

/** Of candidates in order of importance those that no more important one stands close to. */
function apart(candidates: readonly number[], { at, low, high }: Scale): number[] {
  const length = at(high) - at(low);
  const taken: number[] = [];
  for (const one of candidates) {
    const free = taken.every((other) => Math.abs(at(one) - at(other)) >= LEAST_APART * length);
    if (free) taken.push(one);
  }
  return taken.sort((a, b) => a - b);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
}
