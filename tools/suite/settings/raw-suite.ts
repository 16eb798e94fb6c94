// A suite.yaml as it was written, before it is judged: what identity variables change in it.
import { SIZE_CLASSES, type SizeClass } from '../model/cell.js';
import { toNumber } from '../yaml/setting-type.js';

/** A mapping of suite.yaml. */
export type Raw = Record<string, unknown>;

/** Stands in the list of models for one that is left out. */
export const LEFT_OUT = Symbol('left out');

export function setBatchSizes(suite: Raw, classes: readonly SizeClass[], text: string): void {
  const evaluation = section(suite, 'evaluation');
  const before = evaluation.batch_size;
  const each = isMapping(before) ? before : Object.fromEntries(SIZE_CLASSES.map((one) => [one, before]));
  const value = toNumber(text);
  const changed = { ...each, ...Object.fromEntries(classes.map((one) => [one, value])) };
  evaluation.batch_size = Object.fromEntries(
    Object.entries(changed).filter(([, size]) => size !== undefined),
  );
}

export function replaceModel(suite: Raw, index: number, source: string): void {
  const models = Array.isArray(suite.models) ? (suite.models as unknown[]) : [];
  const before = isMapping(models[index]) ? models[index] : {};
  const kept = Object.fromEntries(Object.entries(before).filter(([key]) => !SOURCE_KEYS.includes(key)));
  // A model left out keeps its place until all variables are read: MODEL_4 is the fourth, whatever MODEL_3 says.
  models[index] = source === '' ? LEFT_OUT : { [/^[./]/.test(source) ? 'path' : 'id']: source, ...kept };
  suite.models = models;
}

const SOURCE_KEYS = ['id', 'path', 'facts', 'name', 'revision', 'trust_remote_code', 'matrices'];

const SEED_BENCHMARK_NAMES: Record<string, string> = { arc_challenge: 'arc' };

export function benchmarkOf(suite: Raw, task: string): Raw {
  const known = benchmarksOf(suite).find((benchmark) => benchmark.task === task || benchmark.name === task);
  return (
    known ?? { name: SEED_BENCHMARK_NAMES[task] ?? task.toLowerCase().replace(/[^a-z0-9_-]/g, '_'), task }
  );
}

export function benchmarksOf(suite: Raw): Raw[] {
  if (Array.isArray(suite.benchmarks)) return suite.benchmarks.filter(isMapping);
  return ['mmlu', 'hellaswag', 'arc_challenge', 'winogrande'].map((task) => ({
    name: SEED_BENCHMARK_NAMES[task] ?? task,
    task,
  }));
}

export function acceptance(suite: Raw): [unknown, unknown] {
  const { invarlock } = suite;
  const bounds = isMapping(invarlock) ? invarlock.pm_acceptance : undefined;
  return Array.isArray(bounds) ? [bounds[0], bounds[1]] : [0.9, 1.2];
}

export function modelsOf(suite: Raw): Raw[] {
  return Array.isArray(suite.models) ? suite.models.filter(isMapping) : [];
}

export function section(suite: Raw, name: string): Raw {
  const found = suite[name];
  if (isMapping(found)) return found;
  const made: Raw = {};
  suite[name] = made;
  return made;
}

export function isMapping(value: unknown): value is Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
