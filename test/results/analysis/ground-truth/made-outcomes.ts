// Outcomes made for tests: arms with so many answers lost and won, on items of their own.
import type { Outcomes } from '../../../../tools/results/read/outcome-table.js';
import { type JoinedBenchmark, joinArms } from '../../../../tools/results/analysis/ground-truth/pairs.js';

export interface Change {
  n: number;
  lost?: number;
  won?: number;
  /** Items the baseline answers wrongly; `won` of them turn. */
  wrong?: number;
  /** Log-likelihoods of the edit that are no numbers. */
  broken?: boolean;
}

const ASKED = { batch_size: '[8]', num_fewshot: '{}', limit: 'null', lm_eval_version: '"0.4.13"' };

/** One arm: the baseline's, or the edit's with its changes. */
export function arm(benchmarks: Readonly<Record<string, Change>>, which: 'baseline' | 'edit'): Outcomes {
  const rows = Object.entries(benchmarks).flatMap(([benchmark, change]) => {
    const { n, lost = 0, won = 0, broken = false } = change;
    const wrong = Math.max(change.wrong ?? 0, won);
    return Array.from({ length: n }, (_, item) => {
      // The first items are those the baseline has wrong, of which the first turn right; the last turn wrong.
      const right = item >= wrong;
      const turned = item < won || item >= n - lost;
      const correct = which === 'edit' && turned ? !right : right;
      const gold = correct ? -1 : -2;
      const logLikelihoods = which === 'edit' && broken && item === 0 ? [NaN, NaN] : [gold, -1.5];
      return { benchmark, item, correct, logLikelihoods };
    });
  });
  const hash = (item: number): string => item.toString(16).padStart(16, '0');
  return {
    benchmark: rows.map(({ benchmark }) => benchmark),
    task: rows.map(({ benchmark }) => `${benchmark}_task`),
    docHash: rows.map(({ item }) => hash(item)),
    promptHash: rows.map(({ item }) => hash(item + 1_000_000)),
    metric: rows.map(() => 'acc'),
    correct: rows.map(({ correct }) => correct),
    gold: rows.map(() => 0),
    logLikelihoods: rows.map(({ logLikelihoods }) => logLikelihoods),
    asked: Object.fromEntries(Object.keys(benchmarks).map((name) => [name, ASKED])),
  };
}

export function joined(benchmarks: Readonly<Record<string, Change>>): JoinedBenchmark[] {
  const before = arm(benchmarks, 'baseline');
  const after = arm(benchmarks, 'edit');
  return Object.keys(benchmarks).map((name) => {
    const one = joinArms(name, before, after);
    if (!one.ok) throw new Error(one.mismatch);
    return one.value;
  });
}
