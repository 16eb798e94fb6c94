// Split evaluations of an edit, put together as the one file an unsplit evaluation would have left.
import { compare } from '../../base/compare.js';
import type { ExpectedEvaluation } from '../read/expected.js';
import type { EvaluationFile } from '../read/schema.js';

export interface MergedEvaluation {
  path: string;
  /** Null while one is missing: then nothing is written, and an older file is removed. */
  value: Record<string, unknown> | null;
  /** Paths of evaluations that are missing. */
  waitingFor: string[];
}

/** `<edit>_results.json` of every variant whose evaluations have other paths. */
export function mergeEvaluations(
  expected: readonly ExpectedEvaluation[],
  read: ReadonlyMap<string, EvaluationFile>,
): MergedEvaluation[] {
  const taken = new Set(expected.map((one) => one.path));
  const split = new Map<string, ExpectedEvaluation[]>();
  for (const one of expected) {
    const path = `${one.path.slice(0, one.path.lastIndexOf('/') + 1)}${one.variant}_results.json`;
    // A path an evaluation writes itself keeps its one writer.
    if (!taken.has(path)) split.set(path, [...(split.get(path) ?? []), one]);
  }
  return [...split]
    .sort(([a], [b]) => compare(a, b))
    .map(([path, ones]) => {
      const waitingFor = ones.map((one) => one.path).filter((one) => !read.has(one));
      const sources = ones.flatMap((one) => {
        const value = read.get(one.path);
        return value === undefined ? [] : [{ path: one.path, value }];
      });
      return { path, value: waitingFor.length > 0 ? null : mergeFiles(sources), waitingFor };
    });
}

/**
 * Dictionaries (`results`, `n-samples`, `configs`, `versions`, `benchmarks`, …) are united key by key. A key that two files
 * give different values is left out and named under `conflicts`; so is everything else that differs.
 */
function mergeFiles(sources: readonly { path: string; value: EvaluationFile }[]): Record<string, unknown> {
  const merged: Record<string, unknown> = {};
  const conflicts = new Set<string>();
  for (const { value } of sources) {
    for (const [key, part] of Object.entries(value)) {
      if (!isDictionary(part) || (key in merged && !isDictionary(merged[key]))) {
        put(merged, key, part, key, conflicts);
        continue;
      }
      const into = (merged[key] ??= {}) as Record<string, unknown>;
      for (const [name, inner] of Object.entries(part)) put(into, name, inner, `${key}.${name}`, conflicts);
    }
  }
  for (const conflict of conflicts) drop(merged, conflict);
  const from = sources.map((one) => one.path.slice(one.path.lastIndexOf('/') + 1));
  return { ...merged, merged_from: from, conflicts: [...conflicts].sort(compare) };
}

function put(
  into: Record<string, unknown>,
  name: string,
  value: unknown,
  label: string,
  conflicts: Set<string>,
): void {
  if (name in into && JSON.stringify(into[name]) !== JSON.stringify(value)) conflicts.add(label);
  else into[name] = value;
}

function drop(merged: Record<string, unknown>, label: string): void {
  const dot = label.indexOf('.');
  const inner = dot === -1 ? undefined : merged[label.slice(0, dot)];
  if (isDictionary(inner)) Reflect.deleteProperty(inner, label.slice(dot + 1));
  else Reflect.deleteProperty(merged, label);
}

function isDictionary(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
