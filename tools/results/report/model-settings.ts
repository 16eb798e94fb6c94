// What each model was run with, read from the specs of its cells: what a reader asks for first, in words.
import type { JsonObject, JsonValue } from '../../base/json-value.js';
import type { CellKind } from '../../suite/model/cell.js';
import { variantOfCell, type PlannedCell } from '../read/expected.js';
import type { ModelSettings } from './run-section.js';

export function modelSettings(cells: readonly PlannedCell[]): ModelSettings[] {
  const models = [...new Set(cells.flatMap(({ kind, model }) => (kind === 'data' ? [] : model)))].sort();
  return models.map((model) => {
    const own = cells.filter((cell) => cell.model === model);
    const specOf = (kind: PlannedCell['kind']): JsonObject =>
      own.find((cell) => cell.kind === kind)?.parts[0]?.spec ?? {};
    const invarlock = objectOf(specOf('certify').invarlock ?? specOf('calibrate').invarlock);
    const evaluation = specOf('eval');
    const benchmarks = own.find(({ id }) => id.endsWith('.baseline:eval'))?.parts[0]?.spec.benchmarks;
    const count = (kind: PlannedCell['kind']): number => own.filter((cell) => cell.kind === kind).length;
    return {
      model,
      settings: [
        ['source', text(specOf('setup').source)],
        ['tier, profile', [invarlock.tier, invarlock.profile].map(text).join(', ')],
        ['determinism', text(invarlock.determinism)],
        ['dataset', text(invarlock.dataset)],
        [
          'windows',
          `${text(invarlock.preview)} + ${text(invarlock.final)} of ${text(invarlock.seq_len)} tokens`,
        ],
        ['bootstrap replicates, alpha', [invarlock.bootstrap, invarlock.alpha].map(text).join(', ')],
        ['InvarLock batch size', text(invarlock.batch_size)],
        ['acceptance of the ratio', text(invarlock.pm_acceptance)],
        ['benchmarks (few-shot)', benchmarkText(benchmarks)],
        ['evaluation batch size, seed', [evaluation.batch_size, evaluation.seed].map(text).join(', ')],
        ['calibrations', String(count('calibrate'))],
        ['certificates', String(count('certify'))],
      ],
    };
  });
}

const MAKING: readonly CellKind[] = ['edit', 'adopt', 'program', 'inject'];

/**
 * Of each edit and error by its name, `quant_rtn, bits 8, group size 64, scope ffn`; several where the models differ. Nothing
 * of an error that has no parameters: its name says what it is.
 */
export function editParameters(cells: readonly PlannedCell[]): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const { id, kind, parts } of cells.filter((cell) => MAKING.includes(cell.kind))) {
    for (const { name, spec } of parts) {
      const { type, error, ...others } = spec;
      const said = Object.entries(others).map(([key, value]) => `${key.replaceAll('_', ' ')} ${text(value)}`);
      if (said.length === 0 && error !== undefined) continue;
      const whole = [text(type ?? error), ...said].join(', ');
      const known = (found[kind === 'inject' ? variantOfCell(id) : name] ??= []);
      if (!known.includes(whole)) known.push(whole);
    }
  }
  return found;
}

function benchmarkText(value: JsonValue | undefined): string {
  if (!Array.isArray(value)) return '';
  return value
    .map(objectOf)
    .map(({ name, fewshot }) => `${text(name)} (${text(fewshot)})`)
    .join(', ');
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

/** `a: 1, b: 2` of an object, `1, 2` of a list. */
function text(value: JsonValue | undefined): string {
  if (value === undefined || value === null) return '–';
  if (Array.isArray(value)) return value.map(text).join(', ');
  if (typeof value === 'object') {
    return Object.entries(value)
      .map(([key, inner]) => `${key}: ${text(inner)}`)
      .join(', ');
  }
  return String(value);
}
