// Secondary evidence: figures beside a label that describe how much answers moved, and never decide it.
import { studentTwoSided } from './distributions.js';
import type { JoinedBenchmark } from './pairs.js';

export interface Secondary {
  /** Items whose answer turned right or wrong, either way: fraction of 1. */
  flips: number;
  /** Mean over the items of KL(baseline ‖ edit) of the probabilities of the choices, in nats. */
  klOverChoices: number | null;
  /** Of that mean, over the items. */
  klStandardError: number | null;
  /** Mean change of the right choice's probability among the choices; Student's paired t, and its two-sided p. */
  goldChange: number | null;
  goldT: number | null;
  goldP: number | null;
}

/** Over the items of all benchmarks given, each item once. Null where a log-likelihood is not finite. */
export function secondaryOf(benchmarks: readonly JoinedBenchmark[]): Secondary {
  let flips = 0;
  let kl = 0;
  const divergences: number[] = [];
  const changes: number[] = [];
  let items = 0;
  for (const { before, after, pairs } of benchmarks) {
    for (const pair of pairs) {
      items += 1;
      if (before.correct[pair.before] !== after.correct[pair.after]) flips += 1;
      const was = probabilities(before.logLikelihoods[pair.before] ?? []);
      const is = probabilities(after.logLikelihoods[pair.after] ?? []);
      const earlier = kl;
      was.forEach((p, choice) => {
        if (p.probability > 0) kl += p.probability * (p.log - (is[choice]?.log ?? NaN));
      });
      divergences.push(kl - earlier);
      const gold = before.gold[pair.before] ?? -1;
      changes.push((is[gold]?.probability ?? NaN) - (was[gold]?.probability ?? NaN));
    }
  }
  return {
    flips: flips / items,
    klOverChoices: finite(kl / items),
    klStandardError: finite(moments(divergences).standardError),
    ...pairedT(changes),
  };
}

/** Softmax of the log-likelihoods: how the model spreads its belief over the choices it was given. */
function probabilities(logLikelihoods: ArrayLike<number>): { probability: number; log: number }[] {
  const values = Array.from(logLikelihoods);
  const largest = Math.max(...values);
  const total = Math.log(values.reduce((sum, value) => sum + Math.exp(value - largest), 0));
  return values.map((value) => {
    const log = value - largest - total;
    return { probability: Math.exp(log), log };
  });
}

function pairedT(changes: readonly number[]): Pick<Secondary, 'goldChange' | 'goldT' | 'goldP'> {
  const n = changes.length;
  const { mean, standardError } = moments(changes);
  if (!Number.isFinite(mean)) return { goldChange: null, goldT: null, goldP: null };
  if (n < 2 || standardError === 0) return { goldChange: mean, goldT: null, goldP: null };
  const t = mean / standardError;
  return { goldChange: mean, goldT: t, goldP: studentTwoSided(t, n - 1) };
}

/** Mean and its standard error; the latter NaN of fewer than two. */
function moments(values: readonly number[]): { mean: number; standardError: number } {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  return { mean, standardError: Math.sqrt(variance / n) };
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
