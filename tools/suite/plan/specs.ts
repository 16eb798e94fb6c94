// part.spec of each kind: what Python is told, in snake case. Everything in it, and only what, changes the result.
import type { CellRead } from '../model/cell.js';
import type { JsonObject } from '../../base/json-value.js';
import { isOwn, type EditSpec, type OwnSpec } from '../model/edit-spec.js';
import { packageOf } from '../model/weight-formats.js';
import {
  windowsRun,
  type Benchmark,
  type StructuralError,
  type Suite,
  type SuiteModel,
} from '../model/suite.js';

/** The same for calibrations, the preset and certificates of a model. */
function invarlockSpec({ invarlock: settings, trustRemoteCode }: SuiteModel): JsonObject {
  const { dataset, windows } = settings;
  return {
    tier: settings.tier,
    profile: 'ci',
    guards: [...settings.guards],
    determinism: settings.determinism,
    attention: settings.attention,
    dataset:
      dataset.provider === 'wikitext2'
        ? { provider: dataset.provider, split: dataset.split }
        : { provider: dataset.provider, text_field: dataset.text_field },
    seq_len: windows.seq_len,
    stride: windows.stride,
    preview: windows.preview,
    final: windows.final,
    batch_size: settings.batchSize,
    bootstrap: settings.bootstrap,
    alpha: settings.alpha,
    skip_overhead_check: settings.skipOverheadCheck,
    pm_acceptance: [...settings.pmAcceptance],
    ...remoteCode(trustRemoteCode),
  };
}

export function calibrationSpec(model: SuiteModel, run: number): JsonObject {
  return { run, invarlock: invarlockSpec(model), window_slice: slice(run - 1) };
}

export function presetSpec(model: SuiteModel): JsonObject {
  return { invarlock: invarlockSpec(model), runs: model.runs.calibration };
}

/**
 * Of a certificate and of the baseline report it compares with. Certified runs follow the calibrations, so that none is
 * judged on the windows it was calibrated on.
 */
export function certifySpec(model: SuiteModel, run: number): JsonObject {
  const own = windowsRun(model.runs, run);
  return {
    run: own,
    invarlock: invarlockSpec(model),
    window_slice: slice(model.runs.calibration + own - 1),
  };
}

/** `count`: slices the corpus must have for this run, not for all, or one run more would change every spec. */
function slice(index: number): JsonObject {
  return { index, count: index + 1 };
}

/** `limit`: items of each benchmark, for an evaluation that does not ask them all. */
export function evalSpec(
  suite: Suite,
  model: SuiteModel,
  benchmarks: readonly Benchmark[],
  limit: number | null = null,
): JsonObject {
  return {
    benchmarks: benchmarks.map(({ name, task, fewshot, generates }) => ({
      ...{ name, task, fewshot },
      ...(generates === undefined ? {} : { generates }),
    })),
    batch_size: model.evalBatch,
    seed: suite.evalSeed,
    determinism: model.invarlock.determinism,
    torch_compile: suite.evalCompile,
    attention: model.invarlock.attention,
    ...(suite.evalSharedPrefix === 'off' ? {} : { shared_prefix: suite.evalSharedPrefix }),
    ...(limit === null ? {} : { limit }),
    ...taskCode(suite),
    ...remoteCode(model.trustRemoteCode),
  };
}

/** Of a subject that cannot be loaded, on purpose: what is wrong with it. No other cell's spec has it. */
export function brokenSubject(error: StructuralError | undefined): JsonObject {
  return error === undefined ? {} : { subject_error: error };
}

/** What runs an edit in the quantized format that it has; no other evaluation's spec has it. */
export function quantizedPackage(spec: EditSpec | OwnSpec): { package?: string } {
  const taken = isOwn(spec) ? spec.taken : undefined;
  return taken?.as === 'quantized' ? { package: packageOf(taken.format) } : {};
}

/** Named only where a suite opts in, so that the specs of all other models stay as they are. */
export function remoteCode(trusted: boolean): JsonObject {
  return trusted ? { trust_remote_code: true } : {};
}

/** As remote code: named only where a suite has tasks of its own and opts in. */
export function taskCode({ tasks, trustTaskCode }: Suite): JsonObject {
  return trustTaskCode && tasks !== undefined ? { trust_task_code: true } : {};
}

/** Like remote code: named only where a suite declares them. */
export function declaredMatrices({ matrices }: SuiteModel): JsonObject {
  return matrices === undefined ? {} : { matrices };
}

export function corpusReads(model: SuiteModel): CellRead[] {
  const { dataset } = model.invarlock;
  return dataset.provider === 'local_jsonl' ? [{ name: 'corpus', path: dataset.file, as: 'file' }] : [];
}

/** A local model or checkpoint is known by its files, not by its path alone: one trained anew is made anew. */
export function sourceReads({ source }: Pick<SuiteModel, 'source'>): CellRead[] {
  const { type, path } = source;
  return type === 'path' && typeof path === 'string' ? [{ name: 'source', path, as: 'listing' }] : [];
}

export function tasksReads({ tasks, taskIncludes = [] }: Suite): CellRead[] {
  if (tasks === undefined) return [];
  const included = taskIncludes.map((path, index): CellRead => {
    return { name: `included-${index + 1}`, path, as: 'content' };
  });
  return [{ name: 'tasks', path: tasks, as: 'directory' }, ...included];
}
