// A suite as planSuite takes it: every setting resolved, nothing left to default.
import type { SizeClass } from './cell.js';
import type { JsonObject } from '../../base/json-value.js';
import { isRunQuantized, type EditClass, type EditSpec, type OwnSpec } from './edit-spec.js';
import type { Tier } from './minimums.js';
import type { Windows } from './windows.js';

/** The original script's, which a suite has by default; after them those of InvarLock's evidence packs. */
export const DEFAULT_ERRORS = [
  'nan_injection',
  'inf_injection',
  'extreme_quant',
  'scale_explosion',
  'zero_layer',
] as const;
/** Errors of whole tensors: the files are not the model any more, and cannot be loaded. */
export const STRUCTURAL_ERRORS = ['missing_tensor', 'shape_mismatch'] as const;
export const ERROR_TYPES = [
  ...DEFAULT_ERRORS,
  'rank_collapse',
  'norm_collapse',
  'weight_tying_break',
  ...STRUCTURAL_ERRORS,
] as const;
export type ErrorType = (typeof ERROR_TYPES)[number];

/** What a ladder of an error varies: errors that can be made weaker and stronger. */
export const ERROR_STRENGTHS = { scale_explosion: 'factor' } as const;

/** An error of a strength of its own, a step of a ladder. Its weights are finite. */
export interface ErrorStep {
  type: keyof typeof ERROR_STRENGTHS;
  factor: number;
}

/**
 * Errors that put a NaN or an infinity into the weights, which is proven when they are made. They are harmful by that
 * alone and not evaluated: a model of NaNs answers nothing.
 */
const NON_FINITE_ERRORS: readonly ErrorType[] = ['nan_injection', 'inf_injection'];

export function hasFiniteWeights(type: ErrorType): boolean {
  return !NON_FINITE_ERRORS.includes(type);
}

export type StructuralError = (typeof STRUCTURAL_ERRORS)[number];

export function isStructural(type: ErrorType): type is StructuralError {
  return STRUCTURAL_ERRORS.some((one) => one === type);
}

/**
 * Items of each benchmark that an error is evaluated on. Where 5 % of the answers change and as many for the better as
 * for the worse, n = 0.05 · (1.645 + 0.842)² / 0.02² = 773 show with a probability of 80 % that less than two points are
 * lost; real harm shows in fewer.
 */
export const DEFAULT_ERROR_LIMIT = 800;

/** The largest drops of accuracy that are called harmless, in points: of the mean over benchmarks, and of each. */
export interface GroundTruth {
  delta: number;
  benchmarkDelta: number;
}
export const GROUND_TRUTH: GroundTruth = { delta: 1, benchmarkDelta: 2 };

export const GUARDS = ['invariants', 'spectral', 'rmt', 'variance'] as const;
export type Guard = (typeof GUARDS)[number];
export const FULL_GUARD_ORDER: readonly Guard[] = ['invariants', 'spectral', 'rmt', 'variance', 'invariants'];
export const REFERENCE_GUARD_ORDER: readonly Guard[] = ['invariants', 'variance', 'invariants'];

/** Items in two halves, by their hash: of one half the judges see the answers, of the other the labels are made. */
export type Half = 'even' | 'odd';
export const JUDGES_HALF: Half = 'even';

/** Judges that measure for themselves, in cells that only a suite has which names them. */
export const MEASURING_JUDGES = ['invarlock-true-baseline', 'invarlock-0.12', 'invarlock-0.17'] as const;

/**
 * Judges that the results set side by side; what each does is in tools/results/analysis/judges. All of these read what
 * other cells leave anyway, so they are the default.
 */
export const JUDGES = [
  'invarlock',
  'finite',
  'perplexity',
  'recovery',
  'flips',
  'kl',
  'weight-error',
  'always',
  'never',
  'by-name',
] as const;
export type JudgeName = (typeof ALL_JUDGES)[number];
export const ALL_JUDGES = [...JUDGES, ...MEASURING_JUDGES] as const;

export type Determinism = 'throughput' | 'strict';
/** `auto`: flash attention where it is installed and the architecture supports it, else eager. */
export type Attention = 'auto' | 'eager';

export interface Runs {
  calibration: number;
  clean: number;
  stress: number;
  /** Certificates of each step of a ladder. */
  ladder: number;
  /** Null runs, a check of numerical noise: certificates of the unedited baseline against itself. */
  nulls: number;
  /** `identical`: one run repeated, for determinism only. */
  repeat: 'fresh' | 'identical';
}

/** Where a certificate's baseline arm comes from: one report a model and run for all, or an evaluation of its own. */
export type BaselineSource = 'shared' | 'fresh';

export interface SuiteEdit {
  name: string;
  class: EditClass;
  spec: EditSpec | OwnSpec;
  /** Of a ladder's step: the ladder's number in its list, and the step's in the ladder. */
  step?: readonly [ladder: number, step: number];
}

export interface Benchmark {
  name: string;
  /** lm-eval's task. */
  task: string;
  fewshot: number;
  /** Tokens that the model writes for an item at most, of tasks of the suite's own: for plans. */
  generates?: number;
}

export type Dataset =
  | { provider: 'wikitext2'; split: string }
  | {
      provider: 'local_jsonl';
      /** Workspace-relative. */
      file: string;
      text_field: string;
    };

/** What InvarLock runs with, apart from the windows and replicates of the size class. */
export interface InvarlockSettings {
  tier: Tier;
  guards: readonly Guard[];
  determinism: Determinism;
  attention: Attention;
  dataset: Dataset;
  windows: Windows;
  bootstrap: number;
  batchSize: number;
  alpha: number;
  skipOverheadCheck: boolean;
  pmAcceptance: readonly [number, number];
}

export interface SuiteModel {
  name: string;
  /** `part.spec.source` of the setup cell. */
  source: JsonObject;
  /** Bytes of its weights as the hub or its directory had them when the projects were made: for plans, in no result. */
  sourceBytes?: number;
  trustRemoteCode: boolean;
  sizeClass: SizeClass;
  mode: 'batch' | 'per-edit';
  /** Declared matrices, for edits and errors; absent where Python's table of families has them. */
  matrices?: JsonObject;
  /** Clean edits first, then stress, then ladders; each class in the order written. */
  edits: readonly SuiteEdit[];
  errors: readonly ErrorType[];
  /** Of ladders of errors. */
  errorSteps: readonly ErrorStep[];
  /** Items of each benchmark that errors are evaluated on; null: all. */
  errorLimit: number | null;
  runs: Runs;
  baseline: BaselineSource;
  /** Evaluate each benchmark of an edit in a cell of its own. */
  split: boolean;
  evalBatch: number | string;
  invarlock: InvarlockSettings;
}

/** What a suite reads from the hub beside its models: fetched once, and read offline by every cell. */
export interface HubData {
  /** lm-eval's tasks whose data are at the hub, sorted; none where all are files of the suite. */
  tasks: readonly string[];
  /** InvarLock's dataset provider, where it reads the hub. */
  provider?: HubProvider;
  /** Commit of each dataset that is pinned, by its id: of each task, and of the provider. */
  revisions: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export type HubProvider = 'wikitext2';

/** The datasets that InvarLock's providers read, by which `nx g` pins them. */
export const DATASET_OF_PROVIDER: Record<HubProvider, string> = { wikitext2: 'Salesforce/wikitext' };

export interface Suite {
  name: string;
  description: string;
  models: readonly SuiteModel[];
  benchmarks: readonly Benchmark[];
  /** Directory of local lm-eval task files, workspace-relative. */
  tasks?: string;
  /** What those include from elsewhere, and Python beside that; absent where there is nothing. */
  taskIncludes?: readonly string[];
  /** Absent where the suite reads its own files only. */
  data?: HubData;
  /** Read with the results only; in no cell. */
  groundTruth: GroundTruth;
  /** Judges set side by side, in the order written; read with the results only. */
  judges: readonly JudgeName[];
  evalSeed: number;
  /** Items of each benchmark that every evaluation asks, its first ones (lm-eval's --limit, shared among its tasks); null: all. */
  evalLimit: number | null;
  /** torch.compile in evaluations; `auto`: on a GPU. */
  evalCompile: boolean | 'auto';
  /** Whether what requests begin with alike is computed once, where the architecture allows it. */
  evalSharedPrefix: 'auto' | 'off';
  /** Whether Python that the suite's own tasks name may run. */
  trustTaskCode: boolean;
}

/** Certified runs of an edit of that class. */
export function runsOf(runs: Runs, editClass: EditClass): number {
  return runs[editClass];
}

/** The run whose windows certificate `run` is made on: identical repeats are all the first. */
export function windowsRun(runs: Runs, run: number): number {
  return runs.repeat === 'identical' ? 1 : run;
}

/** How many certified runs of a model differ in their windows. */
export function distinctRuns(model: SuiteModel): number {
  const certified = [
    ...model.edits.map((edit) => (isRunQuantized(edit.spec) ? 0 : runsOf(model.runs, edit.class))),
    ...model.errors.map(() => 1),
    ...model.errorSteps.map(() => model.runs.ladder),
    model.runs.nulls,
  ];
  const most = Math.max(0, ...certified);
  return most === 0 ? 0 : windowsRun(model.runs, most);
}

/** Slices of a local corpus a model needs: one a calibration, one a certified run. */
export function slicesOf(model: SuiteModel): number {
  return model.runs.calibration + distinctRuns(model);
}
