// A time axis for runs that lie hours or days apart: stretches in which nothing ran are cut short.

/** Milliseconds since the epoch. */
export interface Span {
  from: number;
  to: number;
}

export interface TimeAxis {
  /** Where a moment stands, in milliseconds of drawn time from 0. */
  at: (time: number) => number;
  /** Drawn time in all. */
  length: number;
  /** The stretches that are drawn, with where they begin. */
  stretches: (Span & { at: number })[];
}

/** Idle time longer than this share of the busy time, and than a minute, is cut. */
const LONGEST_IDLE_SHARE = 0.08;
const LEAST_CUT_MS = 60_000;
/** What stays of a cut, as a share of the busy time. */
const CUT_SHARE = 0.02;

export function timeAxis(spans: readonly Span[]): TimeAxis {
  const busy = merge(spans);
  const busyMs = busy.reduce((sum, { from, to }) => sum + to - from, 0);
  const cutFrom = Math.max(LEAST_CUT_MS, LONGEST_IDLE_SHARE * busyMs);
  const gap = CUT_SHARE * busyMs;
  const stretches: (Span & { at: number })[] = [];
  for (const span of busy) {
    const last = stretches.at(-1);
    if (last === undefined) stretches.push({ ...span, at: 0 });
    else if (span.from - last.to <= cutFrom) last.to = span.to;
    else stretches.push({ ...span, at: last.at + last.to - last.from + gap });
  }
  const end = stretches.at(-1);
  return {
    stretches,
    length: end === undefined ? 0 : end.at + end.to - end.from,
    at(time) {
      const stretch = stretches.findLast(({ from }) => from <= time) ?? stretches[0];
      if (stretch === undefined) return 0;
      return stretch.at + Math.min(Math.max(0, time - stretch.from), stretch.to - stretch.from);
    },
  };
}

/** Overlapping and touching spans as one, in order. */
function merge(spans: readonly Span[]): Span[] {
  const merged: Span[] = [];
  for (const { from, to } of [...spans].sort((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to);
    else merged.push({ from, to });
  }
  return merged;
}
