// How many items well-known benchmarks have, as lm-eval 0.4.13 asks them: for how long an evaluation takes, and nothing else.

/** By task of lm-eval. One that is not here counts as a usual one where it is asked whole. */
const ITEMS: Readonly<Record<string, number>> = {
  arc_challenge: 1_172,
  arc_easy: 2_376,
  boolq: 3_270,
  commonsense_qa: 1_221,
  gsm8k: 1_319,
  hellaswag: 10_042,
  lambada_openai: 5_153,
  mmlu: 14_042,
  openbookqa: 500,
  piqa: 1_838,
  sciq: 1_000,
  truthfulqa_mc1: 817,
  truthfulqa_mc2: 817,
  winogrande: 1_267,
};

/** Tokens that a model writes for an item at most, of well-known tasks that ask for texts. */
const GENERATED: Readonly<Record<string, number>> = {
  bbh: 1_024,
  coqa: 64,
  drop: 64,
  gsm8k: 256,
  gsm8k_cot: 256,
  ifeval: 1_280,
  minerva_math: 512,
  nq_open: 64,
  triviaqa: 64,
};
/**
 * Tokens written that take as long as an item of choices: each is a pass that reads all weights for a batch of them,
 * where the few hundred tokens of an item go through in one. On a GPU of an H200's kind some 4 ms for 16 texts of a 7B
 * model, against some 11 ms an item.
 */
const TOKENS_AN_ITEM = 40;

/** A benchmark that is asked, with the tokens that it has the model write, where its own file says so. */
export interface Asked {
  task: string;
  generates?: number;
}

/** The mean of the original script's four benchmarks, by whose times the estimate of an evaluation goes. */
const USUAL = (14_042 + 10_042 + 1_172 + 1_267) / 4;
/** An unknown task has so many items at least, as far as a limit goes: it may have no more than the limit. */
const UNKNOWN = 1_000;
/** Less than that no evaluation takes: the model is loaded for a single item too. */
const LEAST = 0.25;

/** An evaluation in units of a usual benchmark. @param limit items of each benchmark that are asked. */
export function evaluationUnits(benchmarks: readonly Asked[], limit: number): number {
  const units = benchmarks.reduce((sum, { task, generates }) => {
    const items = Object.hasOwn(ITEMS, task) ? ITEMS[task] : undefined;
    const tokens = generates ?? (Object.hasOwn(GENERATED, task) ? GENERATED[task] : undefined) ?? 0;
    const whole = items === undefined ? Math.min(1, limit / UNKNOWN) : Math.min(items, limit) / USUAL;
    return sum + whole * Math.max(1, tokens / TOKENS_AN_ITEM);
  }, 0);
  return Math.max(LEAST, Math.round(units * 100) / 100);
}
