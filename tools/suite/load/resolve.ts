// suite.yaml, once read, to a Suite: defaults by size class, names of models and edits, overrides of a model.
import { posix } from 'node:path';
import type { SizeClass } from '../model/cell.js';
import type { JsonObject } from '../../base/json-value.js';
import { editName, type EditClass } from '../model/edit-spec.js';
import { isPath } from './edits/own-edit-schema.js';
import { nameOfProgram, programSpec } from './edits/program-schema.js';
import { minimumsOf } from '../model/minimums.js';
import { matricesSpec } from '../model/matrices.js';
import { nameFromSource } from '../model/names.js';
import type { LadderStep } from './edits/ladder-schema.js';
import type { EditInput, ModelInput, SuiteInput } from './schema.js';
import { guessSizeClass, SIZE_TABLE, validWindows } from '../model/size-classes.js';
import type { Windows } from '../model/windows.js';
import {
  DEFAULT_ERROR_LIMIT,
  type Dataset,
  type InvarlockSettings,
  type Suite,
  type SuiteEdit,
  type SuiteModel,
} from '../model/suite.js';

/** `directory` is that of suite.yaml, workspace-relative. */
export function resolveSuite(name: string, directory: string, input: SuiteInput): Suite {
  const { tasks, seed, limit, torch_compile, shared_prefix, trust_task_code } = input.evaluation;
  return {
    name,
    description: input.description,
    models: input.models.map((model) => resolveModel(directory, input, model)),
    benchmarks: input.benchmarks,
    ...(tasks === undefined ? {} : { tasks: posix.join(directory, tasks) }),
    groundTruth: {
      delta: input.ground_truth.delta,
      benchmarkDelta: input.ground_truth.benchmark_delta,
    },
    judges: input.judges,
    evalSeed: seed,
    evalLimit: limit === 'all' ? null : limit,
    evalCompile: torch_compile === 'auto' && input.determinism === 'strict' ? false : torch_compile,
    evalSharedPrefix: shared_prefix,
    trustTaskCode: trust_task_code,
  };
}

function resolveModel(directory: string, input: SuiteInput, model: ModelInput): SuiteModel {
  const sizeClass = sizeClassOf(model) ?? '7b';
  const mode = model.mode ?? SIZE_TABLE[sizeClass].mode;
  const edits = model.edits ?? input.edits;
  const ladders = model.ladders ?? input.ladders;
  const { split } = input.evaluation;
  return {
    name: nameOf(model) ?? '',
    source: sourceOf(directory, model),
    trustRemoteCode: model.trust_remote_code,
    sizeClass,
    mode,
    ...(model.matrices === undefined ? {} : { matrices: matricesSpec(model.matrices) }),
    edits: [
      ...edits.clean.map((edit) => resolveEdit(directory, edit, 'clean')),
      ...edits.stress.map((edit) => resolveEdit(directory, edit, 'stress')),
      ...ladders.flatMap((steps, at) =>
        steps.flatMap((step, index) => ladderEdit(directory, step, [at, index])),
      ),
    ],
    errors: (model.errors ?? input.errors).types,
    errorSteps: ladders.flatMap((steps) => steps.flatMap((step) => ('error' in step ? step.error : []))),
    errorLimit: errorLimit(model.errors?.limit ?? input.errors.limit),
    runs: { ...input.runs, ...withoutUndefined(model.runs ?? {}) },
    baseline: input.certify.baseline,
    split: split === 'auto' ? mode === 'batch' : split,
    evalBatch:
      forClass<number | string>(input.evaluation.batch_size, sizeClass) ?? SIZE_TABLE[sizeClass].evalBatch,
    invarlock: { ...invarlockOf(input, sizeClass), dataset: resolveDataset(directory, input.dataset) },
  };
}

function errorLimit(given: number | 'all' | undefined): number | null {
  return given === 'all' ? null : (given ?? DEFAULT_ERROR_LIMIT);
}

/** The name given, or that of the source; undefined when there is neither. */
export function nameOf(model: Partial<Pick<ModelInput, 'name' | 'id' | 'path'>>): string | undefined {
  const source = model.id ?? model.path;
  return model.name ?? (source === undefined ? undefined : nameFromSource(source));
}

/** The class given, or the one its id speaks of; a model made from facts is tiny. */
export function sizeClassOf(model: ModelInput): SizeClass | undefined {
  if (model.size_class !== undefined) return model.size_class;
  if (model.facts !== undefined) return 'tiny';
  return guessSizeClass(model.id ?? model.path ?? '');
}

function sourceOf(directory: string, model: ModelInput): JsonObject {
  if (model.facts !== undefined) return { type: 'facts', ...model.facts };
  if (model.path !== undefined) return pathSource(directory, model.path);
  return { type: 'hub', id: model.id ?? '', revision: model.revision ?? 'main' };
}

/** Workspace-relative, or absolute. */
function pathSource(directory: string, path: string): { type: 'path'; path: string } {
  const absolute = posix.isAbsolute(path);
  return { type: 'path', path: absolute ? posix.normalize(path) : posix.join(directory, path) };
}

/** The name given, or that of its parameters or source. */
export function nameOfEdit(edit: EditInput, editClass: EditClass): string {
  if (edit.name !== undefined) return edit.name;
  if ('command' in edit) return nameOfProgram(edit);
  return 'checkpoint' in edit ? nameFromSource(edit.checkpoint) : editName(edit, editClass);
}

function resolveEdit(directory: string, edit: EditInput, editClass: EditClass): SuiteEdit {
  const named = { name: nameOfEdit(edit, editClass), class: editClass };
  if ('command' in edit) return { ...named, spec: programSpec(directory, edit) };
  if (!('checkpoint' in edit)) {
    const spec = { ...edit };
    delete spec.name;
    return { ...named, spec };
  }
  const { checkpoint, revision = 'main', taken } = edit;
  const source = isPath(checkpoint)
    ? pathSource(directory, checkpoint)
    : { type: 'hub' as const, id: checkpoint, revision };
  return { ...named, spec: { type: 'checkpoint', source, ...(taken === undefined ? {} : { taken }) } };
}

function ladderEdit(directory: string, step: LadderStep, at: readonly [number, number]): SuiteEdit[] {
  return 'edit' in step ? [{ ...resolveEdit(directory, step.edit, 'ladder'), step: at }] : [];
}

/** InvarLock's settings for a size class. Overridden where the suite says so, else valid under the tier's minimums. */
export function invarlockOf(input: SuiteInput, sizeClass: SizeClass): Omit<InvarlockSettings, 'dataset'> {
  const row = SIZE_TABLE[sizeClass];
  const { tier, invarlock } = input;
  const reference = input.windows === 'reference';
  return {
    tier,
    guards: input.guards,
    determinism: input.determinism,
    attention: input.attention,
    windows: resolveWindows(input, sizeClass),
    bootstrap:
      forClass<number>(invarlock.bootstrap, sizeClass) ??
      (reference ? row.bootstrap : Math.max(row.bootstrap, minimumsOf(tier).bootstrap)),
    batchSize: forClass<number>(invarlock.batch_size, sizeClass) ?? row.invarlockBatch,
    alpha: invarlock.alpha,
    skipOverheadCheck: forClass<boolean>(invarlock.skip_overhead_check, sizeClass) ?? row.skipOverheadCheck,
    pmAcceptance: invarlock.pm_acceptance,
  };
}

function resolveDataset(directory: string, dataset: SuiteInput['dataset']): Dataset {
  return dataset.provider === 'wikitext2'
    ? dataset
    : { ...dataset, file: posix.join(directory, dataset.file) };
}

/** A stride that is not given follows seq_len; other numbers that are not given are the valid defaults. */
function resolveWindows(input: SuiteInput, sizeClass: SizeClass): Windows {
  if (input.windows === 'reference') return SIZE_TABLE[sizeClass].reference;
  const given = withoutUndefined(input.windows[sizeClass] ?? {});
  const windows = { ...validWindows(sizeClass, input.tier, input.dataset.provider), ...given };
  return { ...windows, stride: given.stride ?? windows.seq_len };
}

type PerClass<Value> = Record<string, Value | undefined>;

function forClass<Value extends number | string | boolean>(
  setting: Value | PerClass<Value> | undefined,
  sizeClass: SizeClass,
): Value | undefined {
  return typeof setting === 'object' ? setting[sizeClass] : setting;
}

type Given<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

function withoutUndefined<T extends object>(value: T): Given<T> {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Given<T>;
}
