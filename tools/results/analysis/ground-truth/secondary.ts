// Secondary evidence: figures beside a label that describe how much answers moved, and never decide it.
import { studentTwoSided } from './distributions.js';
import type { JoinedBenchmark } from './pairs.js';

export interface Secondary {
  /** Items whose answer turned right or wrong, either way: fraction of 1. */
  flips: number;
  /** Mean over the items of KL(baseline ‖ edit) of the probabilities of the choices, in nats. */
  klOverChoices: number | null;
  /** Mean change of the right choice's probability among the choices; Student's paired t, and its two-sided p. */
  goldChange: number | null;
  goldT: number | null;
  goldP: number | null;
}

/** Over the items of all benchmarks given, each item once. Null where a log-likelihood is not finite. */
export function secondaryOf(benchmarks: readonly JoinedBenchmark[]): Secondary {
  let flips = 0;
  let kl = 0;
  const changes: number[] = [];
  let items = 0;
  for (const { before, after, pairs } of benchmarks) {
    for (const pair of pairs) {
      items += 1;
      if (before.correct[pair.before] !== after.correct[pair.after]) flips += 1;
      const was = probabilities(before.logLikelihoods[pair.before] ?? []);
      const is = probabilities(after.logLikelihoods[pair.after] ?? []);
      was.forEach((p, choice) => {
        if (p.probability > 0) kl += p.probability * (p.log - (is[choice]?.log ?? NaN));
      });
      const gold = before.gold[pair.before] ?? -1;
      changes.push((is[gold]?.probability ?? NaN) - (was[gold]?.probability ?? NaN));
    }
  }
  return { flips: flips / items, klOverChoices: finite(kl / items), ...pairedT(changes) };
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
  const mean = changes.reduce((sum, change) => sum + change, 0) / n;
  if (!Number.isFinite(mean)) return { goldChange: null, goldT: null, goldP: null };
  const variance = changes.reduce((sum, change) => sum + (change - mean) ** 2, 0) / (n - 1);
  if (n < 2 || variance === 0) return { goldChange: mean, goldT: null, goldP: null };
  const t = mean / Math.sqrt(variance / n);
  return { goldChange: mean, goldT: t, goldP: studentTwoSided(t, n - 1) };
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
