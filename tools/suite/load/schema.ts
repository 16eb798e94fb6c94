// suite.yaml as people write it: a zod schema with the original script's defaults. resolve.ts turns it into a Suite.
import { z } from 'zod';
import { SIZE_CLASSES } from '../model/cell.js';
import { editOf } from './edits/edit-schema.js';
import { ladder } from './edits/ladder-schema.js';
import { HUB_ID, REVISION, REVISION_RULE } from './edits/origin-schema.js';
import { TIERS } from '../model/minimums.js';
import { matricesSchema } from '../model/matrices.js';
import { benchmarkNameProblem, modelNameProblem, NAME_RULE } from '../model/names.js';
import { REFUSED_PROVIDERS, refusalOf } from '../model/providers.js';
import {
  between,
  either,
  flag,
  isText,
  list,
  mapping,
  name,
  oneOf,
  text,
  whole,
} from '../yaml/schema-parts.js';
import {
  DEFAULT_ERRORS,
  ERROR_TYPES,
  FULL_GUARD_ORDER,
  GROUND_TRUTH,
  GUARDS,
  ALL_JUDGES,
  JUDGES,
  REFERENCE_GUARD_ORDER,
} from '../model/suite.js';

const relativeFile = (what: string) =>
  text(`${what}, relative to suite.yaml`, /^[^\s~{}*?[\]!][^{}*?[\]!]*$/);

const edits = mapping({
  clean: list(editOf('clean'), 'edits').default([]),
  stress: list(editOf('stress'), 'edits').default([]),
});
const errorTypes = list(oneOf(ERROR_TYPES), `errors: ${ERROR_TYPES.join(', ')}`);
/** A list of types, or with the number of items that each is evaluated on. */
const errors = either(
  (value) => typeof value !== 'object' || value === null || Array.isArray(value),
  errorTypes.transform((types) => ({ types, limit: undefined })),
  mapping(
    {
      types: errorTypes.default([...DEFAULT_ERRORS]),
      limit: either(isText, oneOf(['all']), whole(1, 1_000_000)).optional(),
    },
    'errors',
  ),
);

const ladders = list(ladder, 'ladders');

const count = whole(1, 1000);
const runsShape = {
  calibration: count,
  clean: count,
  stress: count,
  ladder: count,
  nulls: whole(0, 1000),
  repeat: oneOf(['fresh', 'identical']),
};

const size = whole(1, 1 << 20);
const factsBase = {
  seed: whole(0, 2 ** 31 - 1).default(1),
  hidden_size: size.default(128),
  intermediate_size: size.default(384),
  num_layers: whole(1, 1000).default(4),
  num_heads: whole(1, 1000).default(4),
  steps: whole(1, 1_000_000).default(600),
  batch_size: whole(1, 100_000).default(48),
  learning_rate: between(0, 1).default(0.003),
};
const facts = z.discriminatedUnion(
  'architecture',
  [
    mapping({ architecture: z.literal('llama'), ...factsBase }),
    mapping({
      architecture: z.literal('mixtral'),
      ...factsBase,
      num_experts: whole(1, 1000).default(4),
      experts_per_token: whole(1, 1000).default(2),
    }),
  ],
  {
    error: (issue) =>
      typeof issue.input === 'object' ? 'llama, mixtral' : 'a mapping with architecture: llama or mixtral',
  },
);

const model = mapping(
  {
    name: name(modelNameProblem, NAME_RULE).optional(),
    id: text('a hub id, e.g. mistralai/Mistral-7B-v0.1', HUB_ID).optional(),
    path: text(
      'the directory of a model, absolute or relative to suite.yaml (not ~: each user has another home)',
      /^(?!~)\s*\S/,
    ).optional(),
    facts: facts.optional(),
    revision: text(REVISION_RULE, REVISION).optional(),
    trust_remote_code: flag().default(false),
    size_class: oneOf(SIZE_CLASSES).optional(),
    mode: oneOf(['batch', 'per-edit']).optional(),
    matrices: matricesSchema.optional(),
    edits: edits.optional(),
    errors: errors.optional(),
    ladders: ladders.optional(),
    runs: mapping(runsShape).partial().optional(),
  },
  'a model',
);

const batchSize = either(
  isText,
  text('a whole number or auto:N', /^auto(:[1-9]\d{0,3})?$/),
  whole(1, 65_536),
);
const perClass = <Value extends z.ZodType>(value: Value) =>
  mapping(Object.fromEntries(SIZE_CLASSES.map((sizeClass) => [sizeClass, value.optional()])), 'size classes');
const notMapping = (value: unknown): boolean => typeof value !== 'object' || value === null;

const windows = mapping({
  seq_len: whole(1, 1 << 20).optional(),
  stride: whole(1, 1 << 20).optional(),
  preview: whole(1, 1 << 20).optional(),
  final: whole(1, 1 << 20).optional(),
});
const bootstrap = whole(1, 1_000_000);

const benchmark = mapping({
  name: name(benchmarkNameProblem, NAME_RULE),
  task: text('the name of an lm-eval task', /^(?=.*\w)[\w.,-]+$/),
  fewshot: whole(0, 1000).default(5),
});
const SEED_BENCHMARKS = [
  { name: 'mmlu', task: 'mmlu', fewshot: 5 },
  { name: 'hellaswag', task: 'hellaswag', fewshot: 5 },
  { name: 'arc', task: 'arc_challenge', fewshot: 5 },
  { name: 'winogrande', task: 'winogrande', fewshot: 5 },
];

const refusedDataset = z.looseObject({
  provider: z.enum(Object.keys(REFUSED_PROVIDERS)).check(refuseProvider),
});
const dataset = z.discriminatedUnion(
  'provider',
  [
    refusedDataset.transform(() => z.NEVER),
    mapping({
      provider: z.literal('wikitext2'),
      split: oneOf(['validation', 'test', 'train']).default('validation'),
    }),
    mapping({
      provider: z.literal('local_jsonl'),
      file: relativeFile('a .jsonl file'),
      text_field: text('the key of the text in each line').default('text'),
    }),
  ],
  {
    error: (issue) =>
      typeof issue.input === 'object'
        ? 'wikitext2, local_jsonl'
        : 'wikitext2, or a mapping with provider: wikitext2 or local_jsonl',
  },
);
const datasetWord = z
  .string()
  .check(refuseProvider)
  .pipe(oneOf(['wikitext2']).transform((provider) => ({ provider, split: 'validation' as const })));

/** InvarLock has providers that a suite cannot use: their refusal says why. */
function refuseProvider({ value, issues }: z.core.ParsePayload<string>): void {
  const message = refusalOf(value);
  if (message === undefined) return;
  issues.push({ code: 'custom', input: value, params: { sentence: true }, message, continue: false });
}

const invarlock = mapping({
  alpha: between(0, 1).default(0.05),
  batch_size: either(notMapping, whole(1, 65_536), perClass(whole(1, 65_536))).optional(),
  bootstrap: either(notMapping, bootstrap, perClass(bootstrap)).optional(),
  skip_overhead_check: either(notMapping, flag(), perClass(flag())).optional(),
  pm_acceptance: z
    .tuple([between(0, 100), between(0, 100)], { error: () => 'two numbers, the lower bound first' })
    .refine(([low, high]) => low < high, { error: () => 'two numbers, the lower bound first' })
    .default([0.9, 1.2]),
});

const evaluation = mapping({
  split: either((value) => typeof value === 'boolean', flag(), oneOf(['auto'])).default('auto'),
  tasks: relativeFile('a directory of lm-eval task files').optional(),
  seed: whole(0, 2 ** 31 - 1).default(1234),
  limit: either(isText, oneOf(['all']), whole(1, 1_000_000)).default('all'),
  torch_compile: either((value) => typeof value === 'boolean', flag(), oneOf(['auto'])).default('auto'),
  batch_size: either(notMapping, batchSize, perClass(batchSize)).optional(),
  shared_prefix: oneOf(['auto', 'off']).default('off'),
  trust_task_code: flag().default(false),
});

export const suiteSchema = mapping({
  description: text('a line of text').default(''),
  tier: oneOf(TIERS).default('balanced'),
  determinism: oneOf(['throughput', 'strict']).default('throughput'),
  attention: oneOf(['auto', 'eager']).default('auto'),
  guards: either(
    isText,
    oneOf(['reference']).transform(() => [...REFERENCE_GUARD_ORDER]),
    list(oneOf(GUARDS), `guards in their order: ${GUARDS.join(', ')}; or the word reference`, 1),
  ).default([...FULL_GUARD_ORDER]),
  models: list(model, 'models', 1),
  edits: edits.default(seedEdits()),
  errors: errors.default({ types: [...DEFAULT_ERRORS], limit: undefined }),
  ladders: ladders.default([]),
  benchmarks: list(benchmark, 'benchmarks', 1).default(SEED_BENCHMARKS),
  evaluation: evaluation.prefault({}),
  runs: mapping({
    calibration: runsShape.calibration.default(5),
    clean: runsShape.clean.default(3),
    stress: runsShape.stress.default(2),
    ladder: runsShape.ladder.default(1),
    nulls: runsShape.nulls.default(1),
    repeat: runsShape.repeat.default('fresh'),
  }).prefault({}),
  ground_truth: mapping({
    delta: between(0, 100).default(GROUND_TRUTH.delta),
    benchmark_delta: between(0, 100).default(GROUND_TRUTH.benchmarkDelta),
  }).prefault({}),
  judges: list(oneOf(ALL_JUDGES), `judges: ${ALL_JUDGES.join(', ')}`, 1).default([...JUDGES]),
  certify: mapping({ baseline: oneOf(['shared', 'fresh']).default('shared') }).prefault({}),
  dataset: either(isText, datasetWord, dataset).default({ provider: 'wikitext2', split: 'validation' }),
  windows: either(isText, oneOf(['reference']), perClass(windows)).default({}),
  invarlock: invarlock.prefault({}),
});

export type SuiteInput = z.output<typeof suiteSchema>;
export type ModelInput = SuiteInput['models'][number];
export type EditInput = SuiteInput['edits']['clean' | 'stress'][number];
export { model as modelSchema };

function seedEdits() {
  return {
    clean: [
      { type: 'quant_rtn', bits: 8, group_size: 128, scope: 'ffn' },
      { type: 'fp4_quant', format: 'e2m1', scope: 'ffn' },
      { type: 'magnitude_prune', sparsity: 0.1, scope: 'ffn' },
      { type: 'lowrank_svd', rank: 256, scope: 'ffn' },
    ],
    stress: [
      { type: 'quant_rtn', bits: 4, group_size: 32, scope: 'all' },
      { type: 'fp4_quant', format: 'aggressive', scope: 'all' },
      { type: 'magnitude_prune', sparsity: 0.5, scope: 'all' },
      { type: 'lowrank_svd', rank: 32, scope: 'all' },
    ],
  } satisfies z.output<typeof edits>;
}
