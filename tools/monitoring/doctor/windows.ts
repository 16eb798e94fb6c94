// What the doctor asks Python about windows: for each model and setting of its InvarLock runs, which runs there are.
import { isAbsolute, join } from 'node:path';
import { canonicalJson } from '../../base/canonical.js';
import type { CellOptions, SizeClass } from '../../suite/model/cell.js';
import type { JsonObject, JsonValue } from '../../base/json-value.js';

/** As validation/doctor/windows.py reads it. */
export interface WindowsQuestion extends JsonObject {
  model: string;
  size_class: SizeClass;
  source: JsonValue;
  /** Where the store shows the model's weights, once its setup is done. */
  link: string;
  invarlock: JsonValue;
  runs: JsonObject[];
  corpus: string | null;
}

/** One question a model and preset; runs that read the same windows are asked about once. */
export function windowsQuestions(workspaceRoot: string, cells: readonly CellOptions[]): WindowsQuestion[] {
  const absolute = (path: string): string => (isAbsolute(path) ? path : join(workspaceRoot, path));
  const setups = new Map(
    cells.flatMap(({ kind, model, parts: [part] }) =>
      kind === 'setup' && part !== undefined ? [[model, part] as const] : [],
    ),
  );
  const questions = new Map<string, WindowsQuestion>();
  for (const { model, sizeClass, reads, parts } of cells) {
    const setup = setups.get(model);
    for (const { spec } of parts) {
      if (spec.invarlock === undefined || spec.run === undefined || setup === undefined) continue;
      const corpus = reads.find(({ name }) => name === 'corpus')?.path;
      const key = `${model}\t${canonicalJson(windowsOf(spec.invarlock))}`;
      const found = questions.get(key) ?? {
        model,
        size_class: sizeClass,
        source: setup.spec.source ?? null,
        link: absolute(setup.link ?? ''),
        invarlock: spec.invarlock,
        runs: [],
        corpus: corpus === undefined ? null : absolute(corpus),
      };
      questions.set(key, found);
      const run = {
        run: spec.run,
        ...(spec.window_slice === undefined ? {} : { window_slice: spec.window_slice }),
      };
      if (!found.runs.some((each) => canonicalJson(each) === canonicalJson(run))) found.runs.push(run);
    }
  }
  return [...questions.values()];
}

/** What windows depend on: certificates and calibrations may differ in anything else. */
function windowsOf(invarlock: JsonValue): JsonValue {
  if (typeof invarlock !== 'object' || invarlock === null || Array.isArray(invarlock)) return invarlock;
  const { tier, profile, dataset, seq_len, stride, preview, final, bootstrap, alpha } = invarlock;
  const relevant = { tier, profile, dataset, seq_len, stride, preview, final, bootstrap, alpha };
  return Object.fromEntries(
    Object.entries(relevant).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
