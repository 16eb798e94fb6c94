// Identity variables: read when a suite's cells are made, laid over its suite.yaml, recorded in its project. One row each.
import { SIZE_CLASSES, type SizeClass } from '../model/cell.js';
import { EDIT_TYPES, notation, parseNotation } from '../model/edit-spec.js';
import { TIERS } from '../model/minimums.js';
import {
  acceptance,
  benchmarkOf,
  benchmarksOf,
  isMapping,
  modelsOf,
  replaceModel,
  section,
  setBatchSizes,
  type Raw,
} from './raw-suite.js';
import { choice, listOf, number, wholeNumber, words, yesNo, type SettingType } from '../yaml/setting-type.js';
import { GUARDS, type Guard } from '../model/suite.js';

export interface IdentityRow {
  type: SettingType<unknown>;
  /** As the original script has it; what a suite.yaml says goes before. */
  default: string;
  meaning: string;
  /** The setting of suite.yaml it stands over. */
  over: string;
  /** Cells it makes again. */
  changes: string;
  apply: (suite: Raw, value: unknown) => void;
  /** What an empty variable says, where it does not mean "not given". */
  empty?: unknown;
}

const EVALUATIONS = 'evaluations';
const CERTIFICATES = 'calibrations, presets, certificates';
const NOTHING = 'nothing that exists; it adds or leaves out cells';

function row<T>(
  about: Omit<IdentityRow, 'type' | 'apply'>,
  type: SettingType<T>,
  apply: (suite: Raw, value: T) => void,
): IdentityRow {
  return { ...about, type, apply: apply as IdentityRow['apply'] };
}

const SEED_MODELS = [
  'mistralai/Mistral-7B-v0.1',
  'NousResearch/Llama-2-13b-hf',
  'Qwen/Qwen2.5-14B',
  'Qwen/Qwen2.5-32B',
  '01-ai/Yi-34B',
  'mistralai/Mixtral-8x7B-v0.1',
  'NousResearch/Llama-2-70b-hf',
  'Qwen/Qwen1.5-72B',
];

const batchSize = words('a whole number, auto or auto:N', /^(auto(:[1-9]\d{0,3})?|[1-9]\d{0,4})$/);
const guard: SettingType<Guard> = choice(GUARDS);
const count = wholeNumber(1, 1000);
const edit: SettingType<string> = {
  ...words('an edit'),
  schema: words('an edit').schema.refine((text) => parseNotation(text).ok),
};

/** The classes of models in the original script's variables, in the size classes of a suite. */
const BATCH_CLASSES: Record<string, { classes: readonly SizeClass[]; default: string; models: string }> = {
  SMALL: { classes: ['tiny', '7b', '13b'], default: 'auto:16', models: '7B to 14B' },
  MEDIUM: { classes: ['30b', '40b'], default: 'auto:8', models: '30B to 40B' },
  LARGE: { classes: ['70b'], default: 'auto:4', models: '70B and more' },
  MOE: { classes: ['moe'], default: 'auto:6', models: 'mixtures of experts' },
};

export const IDENTITY_TABLE: Readonly<Record<string, IdentityRow>> = {
  ...Object.fromEntries(
    SEED_MODELS.map((id, index) => [
      `MODEL_${index + 1}`,
      row(
        {
          default: id,
          meaning: `model ${index + 1}: a hub id or a path (beginning with / or .); empty: this model is left out`,
          over: `models[${index}]`,
          changes: 'everything of that model',
          empty: '',
        },
        words('a hub id, or a path beginning with / or .', /^[\w./-][\w./ ~-]*$/),
        (suite, value) => {
          replaceModel(suite, index, value);
        },
      ),
    ]),
  ),
  EVAL_TASKS: row(
    {
      default: 'mmlu,hellaswag,arc_challenge,winogrande',
      meaning: "lm-eval's tasks",
      over: 'benchmarks',
      changes: EVALUATIONS,
    },
    listOf(words('a task', /^[\w.-]+$/), "names of lm-eval's tasks, separated by commas"),
    (suite, tasks) => {
      suite.benchmarks = tasks.map((task) => benchmarkOf(suite, task));
    },
  ),
  EVAL_NUM_FEWSHOT: row(
    {
      default: '5',
      meaning: 'few-shot examples of every benchmark',
      over: 'benchmarks[].fewshot',
      changes: EVALUATIONS,
    },
    wholeNumber(0, 1000),
    (suite, fewshot) => {
      suite.benchmarks = benchmarksOf(suite).map((benchmark) => ({ ...benchmark, fewshot }));
    },
  ),
  ...batchSizes(),
  LMEVAL_TORCH_COMPILE: row(
    {
      default: 'auto',
      meaning: 'torch.compile in lm-eval; auto: with B200_DETERMINISM=throughput, on a GPU',
      over: 'evaluation.torch_compile',
      changes: EVALUATIONS,
    },
    flagOrAuto(),
    (suite, value) => {
      section(suite, 'evaluation').torch_compile = value;
    },
  ),
  SKIP_FLASH_ATTN: row(
    {
      default: 'false',
      meaning: 'true: eager attention everywhere, and flash attention is not installed',
      over: 'attention',
      changes: `${EVALUATIONS}, ${CERTIFICATES}`,
    },
    yesNo(),
    (suite, skip) => {
      suite.attention = skip ? 'eager' : 'auto';
    },
  ),
  INVARLOCK_DATASET: row(
    {
      default: 'wikitext2',
      meaning: 'the text that is evaluated: wikitext2, or a .jsonl file beside suite.yaml',
      over: 'dataset',
      changes: CERTIFICATES,
    },
    words('wikitext2, or a .jsonl file relative to suite.yaml', /^(wikitext2|[\w./-]+\.jsonl)$/),
    (suite, value) => {
      suite.dataset = value === 'wikitext2' ? value : { provider: 'local_jsonl', file: value };
    },
  ),
  INVARLOCK_TIER: row(
    { default: 'balanced', meaning: "InvarLock's tier", over: 'tier', changes: CERTIFICATES },
    choice(TIERS),
    (suite, tier) => {
      suite.tier = tier;
    },
  ),
  B200_GUARDS_ORDER: row(
    {
      default: 'invariants,spectral,rmt,variance,invariants',
      meaning: "the guards in their order; reference: the original script's, invariants,variance,invariants",
      over: 'guards',
      changes: CERTIFICATES,
    },
    guardOrder(),
    (suite, order) => {
      suite.guards = order;
    },
  ),
  INVARLOCK_BOOTSTRAP_N: row(
    {
      default: '2000; 1000 from 30B on, raised to the minimum of the tier',
      meaning: 'bootstrap replicates',
      over: 'invarlock.bootstrap',
      changes: CERTIFICATES,
    },
    wholeNumber(1, 1_000_000),
    (suite, replicates) => {
      section(suite, 'invarlock').bootstrap = replicates;
    },
  ),
  INVARLOCK_PM_ACCEPTANCE_MIN: row(
    {
      default: '0.90',
      meaning: 'lower bound of the perplexity ratio',
      over: 'invarlock.pm_acceptance[0]',
      changes: CERTIFICATES,
    },
    number(0, 100),
    (suite, low) => {
      section(suite, 'invarlock').pm_acceptance = [low, acceptance(suite)[1]];
    },
  ),
  INVARLOCK_PM_ACCEPTANCE_MAX: row(
    {
      default: '1.20',
      meaning: 'upper bound of the perplexity ratio',
      over: 'invarlock.pm_acceptance[1]',
      changes: CERTIFICATES,
    },
    number(0, 100),
    (suite, high) => {
      section(suite, 'invarlock').pm_acceptance = [acceptance(suite)[0], high];
    },
  ),
  INVARLOCK_SKIP_OVERHEAD_CHECK: row(
    {
      default: 'false below 30B, true above',
      meaning: 'the overhead of the guards is not measured',
      over: 'invarlock.skip_overhead_check',
      changes: CERTIFICATES,
    },
    yesNo(),
    (suite, skip) => {
      section(suite, 'invarlock').skip_overhead_check = skip;
    },
  ),
  B200_DETERMINISM: row(
    {
      default: 'throughput',
      meaning:
        'throughput: TF32, cuDNN benchmark, torch.compile; strict: none of them, and deterministic cuBLAS',
      over: 'determinism',
      changes: `${EVALUATIONS}, ${CERTIFICATES}`,
    },
    choice(['throughput', 'strict']),
    (suite, mode) => {
      suite.determinism = mode;
    },
  ),
  DRIFT_CALIBRATION_RUNS: runs('calibration', '5', 'calibration runs of each model', 'presets, certificates'),
  CLEAN_EDIT_RUNS: runs('clean', '3', 'certificates of each clean edit', NOTHING),
  STRESS_EDIT_RUNS: runs('stress', '2', 'certificates of each stress edit', NOTHING),
  RUN_ERROR_INJECTION: row(
    { default: 'true', meaning: 'errors are injected too', over: 'errors', changes: NOTHING },
    yesNo(),
    (suite, wanted) => {
      if (wanted) {
        const { errors } = suite;
        const types = isMapping(errors) ? errors.types : errors;
        if (!Array.isArray(types) || types.length > 0) return;
        if (isMapping(errors)) delete errors.types;
        else delete suite.errors;
        return;
      }
      for (const owner of [suite, ...modelsOf(suite)]) {
        owner.errors = [];
        if (Array.isArray(owner.ladders)) owner.ladders = owner.ladders.filter((one) => !isErrorLadder(one));
      }
    },
  ),
  EDIT_TYPES_CLEAN: edits(
    'clean',
    'quant_rtn:8:128:ffn,fp4_quant:e2m1:ffn,magnitude_prune:0.1:ffn,lowrank_svd:256:ffn',
  ),
  EDIT_TYPES_STRESS: edits(
    'stress',
    'quant_rtn:4:32:all,fp4_quant:aggressive:all,magnitude_prune:0.5:all,lowrank_svd:32:all',
  ),
};

function isErrorLadder(value: unknown): boolean {
  return isMapping(value) && value.error !== undefined;
}

function runs(key: string, fallback: string, meaning: string, changes: string): IdentityRow {
  return row({ default: fallback, meaning, over: `runs.${key}`, changes }, count, (suite, value) => {
    section(suite, 'runs')[key] = value;
    for (const model of modelsOf(suite)) {
      if (isMapping(model.runs)) model.runs = { ...model.runs, [key]: undefined };
    }
  });
}

function edits(key: 'clean' | 'stress', fallback: string): IdentityRow {
  const allowed = `edits separated by commas: ${EDIT_TYPES.map(notation).join(', ')}`;
  const about = { default: fallback, meaning: `the ${key} edits`, over: `edits.${key}`, changes: NOTHING };
  return row(about, listOf(edit, allowed), (suite, list) => {
    section(suite, 'edits')[key] = list;
  });
}

function batchSizes(): Record<string, IdentityRow> {
  const about = { over: 'evaluation.batch_size', changes: EVALUATIONS };
  const all = row(
    { ...about, default: 'auto', meaning: 'batch size of evaluations where its class has none of its own' },
    batchSize,
    (suite, value) => {
      setBatchSizes(suite, SIZE_CLASSES, value);
    },
  );
  return {
    EVAL_BATCH_SIZE: all,
    ...Object.fromEntries(
      Object.entries(BATCH_CLASSES).map(([name, { classes, default: fallback, models }]) => {
        const meaning = `batch size for ${models}; auto:N is found by trial and at most N`;
        return [
          `EVAL_BATCH_SIZE_${name}`,
          row({ ...about, default: fallback, meaning }, batchSize, (suite, value) => {
            setBatchSizes(suite, classes, value);
          }),
        ];
      }),
    ),
  };
}

function flagOrAuto(): SettingType<boolean | 'auto'> {
  const { schema, fromText } = yesNo();
  const allowed = 'auto, true, false';
  const auto = choice(['auto']);
  return {
    schema: auto.schema.or(schema),
    fromText: (text) => (text.trim() === 'auto' ? 'auto' : fromText(text)),
    allowed,
  };
}

function guardOrder(): SettingType<'reference' | Guard[]> {
  const list = listOf(guard, `guards separated by commas: ${GUARDS.join(', ')}; or the word reference`);
  const word = choice(['reference']);
  return {
    schema: word.schema.or(list.schema.refine((order) => order.length > 0)),
    fromText: (text) => (text.trim() === 'reference' ? 'reference' : list.fromText(text)),
    allowed: list.allowed,
  };
}
