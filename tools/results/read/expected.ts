// What the analysis needs to know of a suite, and which results it therefore expects to find.
import { compare } from '../../base/compare.js';
import { canonicalJson } from '../../base/canonical.js';
import { JUDGE_KINDS, type CellKind, type CellOptions } from '../../suite/model/cell.js';
import type { JsonObject } from '../../base/json-value.js';
import type { JudgeName } from '../../suite/model/suite.js';

export type VariantClass = 'baseline' | 'clean' | 'stress' | 'ladder' | 'error';

/** A model's baseline, an edit of it, or an error in it. */
export interface PlannedVariant {
  model: string;
  /** `baseline`, `quant_4bit_stress`, `error_nan_injection`, … */
  variant: string;
  class: VariantClass;
}

/** A cell as planSuite makes it, or as a target's options in project.json carry it (`id` = `<project>:<target>`). */
export type PlannedCell = Pick<CellOptions, 'kind' | 'model' | 'parts'> & { id: string };

/** The suite as the verdict sees it. All of it can be read from the generated project.json files alone. */
export interface VerdictPlan {
  suite: string;
  variants: readonly PlannedVariant[];
  cells: readonly PlannedCell[];
  /** Margins of the labels, fractions of 1; the defaults where the suite records none. */
  margins?: { overall: number; perBenchmark: number };
  /** Judges set side by side; all where the suite records none. */
  judges?: readonly JudgeName[];
}

export interface ExpectedEvaluation extends PlannedVariant {
  cell: string;
  receipt: string;
  path: string;
  /** Its table of outcomes; null in a plan of before there were any. */
  outcomes: string | null;
  benchmarks: string[];
}

export interface ExpectedCertificate extends PlannedVariant {
  cell: string;
  receipt: string;
  outcome: string;
  certificate: string;
  /** k of `certify-<k>`. */
  run: number;
  /** Certificates of one variant with equal specs are one measurement, repeated (`repeat: identical`). */
  spec: string;
  guards: string[];
  tier: string;
  /** Acceptable ratios, which take the place of the tier's limit; null where none were asked for. */
  acceptance: { min: number; max: number } | null;
}

/** A model's calibration_stats.json. */
export interface ExpectedCalibration {
  model: string;
  cell: string;
  receipt: string;
  path: string;
}

/** One part of a cell: the unit that has a receipt. */
export interface ExpectedPart {
  cell: string;
  name: string;
  receipt: string;
  spec: JsonObject;
}

/** What was done to the weights of a variant, as whoever made it recorded. */
export interface ExpectedMaking {
  model: string;
  variant: string;
  receipt: string;
  path: string;
}

/** What a judge that measures for itself found of a variant, by the kind of its cell. */
export interface ExpectedMeasurement extends PlannedVariant {
  kind: CellKind;
  cell: string;
  receipt: string;
  path: string;
}

export interface Expected {
  parts: ExpectedPart[];
  evaluations: ExpectedEvaluation[];
  certificates: ExpectedCertificate[];
  calibrations: ExpectedCalibration[];
  makings: ExpectedMaking[];
  measurements: ExpectedMeasurement[];
  /** Cells that only judges beside InvarLock read. */
  judgeCells: string[];
}

const CLASS_ORDER: Record<VariantClass, number> = { baseline: 0, clean: 1, stress: 2, ladder: 3, error: 4 };

/** Model, then class, then name: the order of every table. */
export function compareVariants(a: PlannedVariant, b: PlannedVariant): number {
  return (
    compare(a.model, b.model) || CLASS_ORDER[a.class] - CLASS_ORDER[b.class] || compare(a.variant, b.variant)
  );
}

/** Kinds of cells that make the weights of variants. */
const MAKING: ReadonlySet<string> = new Set(['edit', 'inject', 'adopt', 'program']);

/** Results expected of the plan, in an order that does not depend on the order of its cells. */
export function expectedResults(plan: VerdictPlan): Expected {
  const classOf = new Map(plan.variants.map((one) => [`${one.model}\0${one.variant}`, one.class]));
  const expected: Expected = {
    ...{ parts: [], evaluations: [], certificates: [], calibrations: [], makings: [], measurements: [] },
    judgeCells: [],
  };
  for (const cell of plan.cells) {
    for (const part of cell.parts) {
      expected.parts.push({ cell: cell.id, name: part.name, receipt: part.receipt, spec: part.spec });
    }
    if (cell.kind === 'preset') expected.calibrations.push(...calibrationOf(cell));
    if (MAKING.has(cell.kind)) expected.makings.push(...makingsOf(cell));
    const measures = JUDGE_KINDS.includes(cell.kind);
    if (cell.kind !== 'eval' && cell.kind !== 'certify' && !measures) continue;
    const [part] = cell.parts;
    if (part === undefined)
      throw new Error(`${cell.id} has no part: run \`nx sync\` to write its project anew`);
    const variant = variantOfCell(cell.id);
    const known = classOf.get(`${cell.model}\0${variant}`);
    if (known === undefined) {
      throw new Error(
        `${cell.id} belongs to no variant of the plan: run \`nx sync\` to write its project anew`,
      );
    }
    const base = {
      model: cell.model,
      variant,
      class: known,
      cell: cell.id,
      receipt: part.receipt,
    };
    const published = (file: string): string => {
      const write = part.writes.find((one) => one.file === file);
      if (write === undefined) throw new Error(`${cell.id} does not say where ${file} goes: run \`nx sync\``);
      return write.path;
    };
    if (measures) {
      expected.judgeCells.push(cell.id);
      // What a baseline left is for the cells of its variants.
      if (known === 'baseline') continue;
      const { model, class: ofClass, receipt } = base;
      const paths = part.writes.filter(({ optional }) => optional !== true).map(({ path }) => path);
      const of = { model, variant, class: ofClass, kind: cell.kind, cell: cell.id, receipt };
      expected.measurements.push(...paths.map((path) => ({ ...of, path })));
    } else if (cell.kind === 'eval') {
      const benchmarks = benchmarkNames(cell.id, part.spec);
      const outcomes = part.writes.find(({ file }) => file === 'outcomes.parquet')?.path ?? null;
      expected.evaluations.push({ ...base, path: published('results.json'), outcomes, benchmarks });
    } else {
      expected.certificates.push({
        ...base,
        outcome: published('outcome.json'),
        certificate: published('evaluation.cert.json'),
        run: Number(/-(\d+)$/.exec(cell.id)?.[1] ?? '1'),
        spec: canonicalJson(part.spec),
        ...invarlockSettings(cell.id, part.spec),
      });
    }
  }
  expected.parts.sort((a, b) => compare(a.cell, b.cell) || compare(a.receipt, b.receipt));
  expected.evaluations.sort((a, b) => compareVariants(a, b) || compare(a.path, b.path));
  expected.certificates.sort((a, b) => compareVariants(a, b) || a.run - b.run);
  expected.calibrations.sort((a, b) => compare(a.model, b.model));
  expected.measurements.sort((a, b) => compare(a.path, b.path));
  expected.makings.sort((a, b) => compare(a.path, b.path));
  return expected;
}

function calibrationOf({ id, model, parts }: PlannedCell): ExpectedCalibration[] {
  return parts.flatMap(({ writes, receipt }) =>
    writes
      .filter(({ file }) => file === 'calibration_stats.json')
      .map(({ path }) => ({ model, cell: id, receipt, path })),
  );
}

/** A batch makes a variant a part. */
function makingsOf({ id, kind, model, parts }: PlannedCell): ExpectedMaking[] {
  return parts.flatMap(({ name, writes, receipt }) =>
    writes
      .filter(({ file }) => file.endsWith('_metadata.json'))
      .map(({ path }) => ({ model, variant: kind === 'edit' ? name : variantOfCell(id), receipt, path })),
  );
}

/** `smoke.tiny-dense.quant_8bit_clean:certify-1` → `quant_8bit_clean`; names hold no dots or colons. */
export function variantOfCell(id: string): string {
  const project = id.slice(0, id.lastIndexOf(':'));
  return project.slice(project.lastIndexOf('.') + 1);
}

function benchmarkNames(cell: string, spec: JsonObject): string[] {
  const { benchmarks } = spec;
  if (!Array.isArray(benchmarks)) throw new Error(`${cell} names no benchmarks: run \`nx sync\``);
  return benchmarks
    .map((one) => (isObject(one) && typeof one.name === 'string' ? one.name : ''))
    .filter((name) => name !== '')
    .sort(compare);
}

function invarlockSettings(
  cell: string,
  spec: JsonObject,
): Pick<ExpectedCertificate, 'guards' | 'tier' | 'acceptance'> {
  const { invarlock } = spec;
  if (!isObject(invarlock) || !Array.isArray(invarlock.guards) || typeof invarlock.tier !== 'string') {
    throw new Error(`${cell} has no guard order or tier: run \`nx sync\` to write its project anew`);
  }
  const guards = invarlock.guards.filter((name) => typeof name === 'string');
  const range = invarlock.pm_acceptance;
  const [min, max] = Array.isArray(range) ? range : [];
  const acceptance = typeof min === 'number' && typeof max === 'number' ? { min, max } : null;
  return { guards, tier: invarlock.tier, acceptance };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
