// Tokens that a model computes for well-known benchmarks, as lm-eval 0.4.13 asks them: for how long an evaluation takes, and
// nothing else. Mean lengths, by a tokenizer of some 32,000 to 150,000 entries, rounded.

interface Shape {
  items: number;
  /** Passes of an item, one an answer; answers of one token each are told by a single pass. */
  answers: number;
  /** Tokens of an example, of a question, and of an answer. */
  lengths: readonly [example: number, question: number, answer: number];
  /** Groups of items that share their examples; examples are else drawn for each item. */
  groups?: number;
  /** Tokens that a model writes for an item, at most. */
  generates?: number;
}

/** By task of lm-eval. */
const SHAPES: Readonly<Record<string, Shape>> = {
  arc_challenge: { items: 1_172, answers: 4, lengths: [43, 35, 8] },
  arc_easy: { items: 2_376, answers: 4, lengths: [38, 30, 6] },
  boolq: { items: 3_270, answers: 1, lengths: [150, 150, 1] },
  commonsense_qa: { items: 1_221, answers: 1, lengths: [55, 55, 1] },
  gsm8k: { items: 1_319, answers: 1, lengths: [160, 70, 0], generates: 256 },
  hellaswag: { items: 10_042, answers: 4, lengths: [85, 75, 25] },
  lambada_openai: { items: 5_153, answers: 1, lengths: [90, 88, 2] },
  mmlu: { items: 14_042, answers: 1, lengths: [120, 90, 1], groups: 57 },
  openbookqa: { items: 500, answers: 4, lengths: [17, 13, 4] },
  piqa: { items: 1_838, answers: 2, lengths: [40, 18, 22] },
  sciq: { items: 1_000, answers: 4, lengths: [115, 110, 3] },
  // The examples of these two are part of each question.
  truthfulqa_mc1: { items: 817, answers: 5, lengths: [0, 330, 12] },
  truthfulqa_mc2: { items: 817, answers: 7, lengths: [0, 330, 12] },
  winogrande: { items: 1_267, answers: 2, lengths: [28, 25, 12] },
};

/** Tokens that a model writes for an item, of tasks whose items nobody counted here. */
const GENERATED: Readonly<Record<string, number>> = {
  bbh: 1_024,
  coqa: 64,
  drop: 64,
  gsm8k_cot: 256,
  ifeval: 1_280,
  minerva_math: 512,
  nq_open: 64,
  triviaqa: 64,
};

/**
 * What a written token takes, in tokens that are read: each is a pass that reads all weights for a batch of them. On a GPU
 * of an H200's kind some 4 ms for 16 texts of a 7B model, which reads 120 tokens in that time.
 */
const WRITTEN = 8;
/** A task that is not here: so many items at least, as far as a limit goes, and tokens of each. */
const UNKNOWN = { items: 1_000, tokens: 800 };

/** A benchmark that is asked. */
export interface Asked {
  task: string;
  fewshot: number;
  /** Tokens that it has the model write, where its own file says so. */
  generates?: number;
}

export interface HowAsked {
  /** Items of each benchmark that are asked. */
  limit: number;
  /** What requests begin with alike is computed once. */
  shared: boolean;
}

/** The original script's four benchmarks, a usual one at the mean: 8 million tokens. */
const ORIGINAL = ['mmlu', 'hellaswag', 'arc_challenge', 'winogrande'];
const USUAL =
  ORIGINAL.reduce(
    (sum, task) => sum + tokensOf({ task, fewshot: 5 }, { limit: Infinity, shared: false }),
    0,
  ) / ORIGINAL.length;
/** Less than that no evaluation takes: tasks are built and the model is loaded for a single item too. */
const LEAST = 0.02;

/** An evaluation in units of a usual benchmark. */
export function evaluationUnits(benchmarks: readonly Asked[], how: HowAsked): number {
  const tokens = benchmarks.reduce((sum, asked) => sum + tokensOf(asked, how), 0);
  return Math.max(LEAST, Math.round((tokens / USUAL) * 100) / 100);
}

/** Tokens that are computed for a benchmark, those written counted as `WRITTEN` of them. */
export function tokensOf({ task, fewshot, generates }: Asked, { limit, shared }: HowAsked): number {
  const shape = Object.hasOwn(SHAPES, task) ? SHAPES[task] : undefined;
  const written =
    generates ?? shape?.generates ?? (Object.hasOwn(GENERATED, task) ? GENERATED[task] : 0) ?? 0;
  const items = Math.min(limit, shape?.items ?? UNKNOWN.items);
  return readTokens(shape, { items, fewshot, shared }) + items * written * WRITTEN;
}

function readTokens(
  shape: Shape | undefined,
  { items, fewshot, shared }: { items: number; fewshot: number; shared: boolean },
): number {
  if (shape === undefined) return items * UNKNOWN.tokens;
  const [example, question, answer] = shape.lengths;
  if (!shared) return items * shape.answers * (fewshot * example + question + answer);
  const examples = Math.min(items, shape.groups ?? items) * fewshot * example;
  return examples + items * (question + shape.answers * answer);
}
