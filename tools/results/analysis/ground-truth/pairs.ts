// Two arms joined item by item: the baseline's answers and an edit's to the same questions.
import type { Discordant } from './paired-tests.js';
import { ASKED, type Outcomes } from '../../read/outcome-table.js';

export interface Pair {
  /** Rows of the item in the baseline's outcomes and in the edit's. */
  before: number;
  after: number;
}

export interface JoinedBenchmark {
  benchmark: string;
  before: Outcomes;
  after: Outcomes;
  pairs: Pair[];
  /** Settings that differed though the items did not, as sentences. */
  notes: string[];
}

/** `mismatch`: the arms did not answer the same questions, which is a fault of the run and no property of the edit. */
export type Joined = { ok: true; value: JoinedBenchmark } | { ok: false; mismatch: string };

/**
 * Joins by task and item hash; items that occur more than once are paired in their order. Everything that identifies the
 * question must agree: prompt, metric, right choice, number of choices. An arm with a limit of its own (an error's) is
 * joined with the baseline's same items.
 */
export function joinArms(benchmark: string, before: Outcomes, after: Outcomes): Joined {
  const ofBaseline = rowsByItem(before, benchmark);
  const ofEdit = rowsByItem(after, benchmark);
  const lacks = [...ofBaseline.keys()].filter((key) => !ofEdit.has(key)).length;
  const extra = [...ofEdit.keys()].filter((key) => !ofBaseline.has(key)).length;
  if (extra > 0 || (lacks > 0 && !askedFewer(benchmark, before, after))) {
    const detail = `${lacks} of the baseline's ${ofBaseline.size} items are missing, ${extra} are not the baseline's`;
    return { ok: false, mismatch: `${benchmark}: ${detail}` };
  }
  if (ofBaseline.size === 0 || ofEdit.size === 0)
    return { ok: false, mismatch: `${benchmark}: there are no items` };
  const pairs: Pair[] = [];
  for (const [key, row] of ofBaseline) {
    const answered = ofEdit.get(key);
    if (answered === undefined) continue;
    const pair = { before: row, after: answered };
    const differs = difference(before, after, pair);
    if (differs !== null) {
      const item = key.split('\0').slice(0, 2).join('/');
      return { ok: false, mismatch: `${benchmark}: item ${item} has another ${differs} than the baseline's` };
    }
    pairs.push(pair);
  }
  return {
    ok: true,
    value: { benchmark, before, after, pairs, notes: askedOtherwise(benchmark, before, after) },
  };
}

function rowsByItem({ benchmark, task, docHash }: Outcomes, name: string): Map<string, number> {
  const rows = new Map<string, number>();
  benchmark.forEach((one, row) => {
    if (one !== name) return;
    const item = `${task[row] ?? ''}\0${docHash[row] ?? ''}`;
    let key = item;
    for (let again = 1; rows.has(key); again += 1) key = `${item}\0${again}`;
    rows.set(key, row);
  });
  return rows;
}

function difference(before: Outcomes, after: Outcomes, pair: Pair): string | null {
  if (before.promptHash[pair.before] !== after.promptHash[pair.after]) return 'prompt';
  if (before.metric[pair.before] !== after.metric[pair.after]) return 'metric';
  if (before.gold[pair.before] !== after.gold[pair.after]) return 'right choice';
  const choices = (of: Outcomes, row: number): number => of.logLikelihoods[row]?.length ?? 0;
  return choices(before, pair.before) === choices(after, pair.after) ? null : 'number of choices';
}

function askedOtherwise(benchmark: string, before: Outcomes, after: Outcomes): string[] {
  return ASKED.flatMap((name) => {
    const [was = 'not said', is = 'not said'] = [
      before.asked[benchmark]?.[name],
      after.asked[benchmark]?.[name],
    ];
    return was === is ? [] : [`${benchmark}: ${name} was ${was} for the baseline and ${is} here`];
  });
}

/** Whether the other arm was to be asked only so many of the items. */
function askedFewer(benchmark: string, before: Outcomes, after: Outcomes): boolean {
  const limit = after.asked[benchmark]?.limit ?? 'null';
  return limit !== 'null' && limit !== before.asked[benchmark]?.limit;
}

/** Counts of answers that turned: right to wrong, and wrong to right. */
export function discordant({ before, after, pairs }: JoinedBenchmark): Discordant {
  let lost = 0;
  let won = 0;
  for (const pair of pairs) {
    const [was, is] = [before.correct[pair.before], after.correct[pair.after]];
    if (was === true && is === false) lost += 1;
    if (was === false && is === true) won += 1;
  }
  return { lost, won, n: pairs.length };
}

/** Whether the edit gave an item a log-likelihood that is no finite number. */
export function hasNonFinite({ after, pairs }: JoinedBenchmark): boolean {
  return pairs.some((pair) =>
    Array.from(after.logLikelihoods[pair.after] ?? []).some((one) => !Number.isFinite(one)),
  );
}
