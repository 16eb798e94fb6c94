// Edits and errors as the judges get them, with the labels by which each judge is measured.
import { z } from 'zod';
import type { CellKind } from '../../suite/model/cell.js';
import { inHalf, JUDGES_HALF, LABELS_HALF } from './ground-truth/halves.js';
import { labelOf, type Margins } from './ground-truth/label.js';
import type { VariantLabel, VariantLabels } from './ground-truth/variant-labels.js';
import type { Measured } from './judge-results/results.js';
import type { Measurement } from './judges/judge.js';
import type { ExpectedMaking, ExpectedMeasurement, PlannedVariant } from '../read/expected.js';
import { type Files, type Missing, parseFile } from '../read/files.js';
import { comparisonSchema, guardsSchema, makingSchema, outcome012Schema } from '../read/schema.js';
import type { EditResult, ErrorResult } from './variants.js';

/** What the run left of how variants were made and answered. */
export interface Evidence {
  labels: VariantLabels;
  margins: Margins;
  makings: readonly ExpectedMaking[];
  measurements: readonly ExpectedMeasurement[];
  files: Files;
  unfinished: ReadonlyMap<string, Missing>;
}

export function measuredVariants(
  edits: readonly EditResult[],
  errors: readonly ErrorResult[],
  evidence: Evidence,
): Measured[] {
  return [
    ...edits.map((edit) => measured(edit, 'edit', false, evidence)),
    ...errors.map((error) => measured(error, 'error', error.nonFinite || error.unloadable, evidence)),
  ];
}

function measured(
  one: EditResult | ErrorResult,
  kind: Measured['kind'],
  byDefinition: boolean,
  evidence: Evidence,
): Measured {
  const { model, variant } = one;
  const joined = evidence.labels.joined(one);
  return {
    subject: {
      ...{ model, variant, class: one.class },
      runs: one.runs,
      answers: joined === null ? null : inHalf(joined, JUDGES_HALF),
      weightError: weightError(one, evidence),
      trueBaseline: measurement(one, 'guards', guardsSchema, evidence),
      comparison: measurement(one, 'regression', comparisonSchema, evidence),
      outcome012: measurement(one, 'certify012', outcome012Schema, evidence),
    },
    kind,
    byDefinition,
    labels: { all: one.label, half: halfLabel(one, evidence) },
  };
}

function halfLabel(
  one: EditResult | ErrorResult,
  { labels, margins }: Pick<Evidence, 'labels' | 'margins'>,
): VariantLabel {
  const joined = labels.joined(one);
  if (joined === null) return one.label;
  const half = inHalf(joined, LABELS_HALF);
  if (half.length === 0) return { ok: false, reason: 'not assessable: no items in this half' };
  return { ok: true, value: labelOf(half, margins) };
}

/** Only what a finished cell recorded counts; a variant that says nothing has none. */
function weightError(
  { model, variant }: PlannedVariant,
  { makings, files, unfinished }: Pick<Evidence, 'makings' | 'files' | 'unfinished'>,
): number | null {
  const making = makings.find((one) => one.model === model && one.variant === variant);
  if (making === undefined || unfinished.has(making.receipt)) return null;
  const parsed = parseFile(files, making.path, makingSchema);
  return parsed.ok ? (parsed.value.totals?.relative_error ?? null) : null;
}

/** What a judge measured of a variant in a cell of its own. */
function measurement<T>(
  { model, variant }: PlannedVariant,
  kind: CellKind,
  schema: z.ZodType<T>,
  { measurements, files, unfinished }: Pick<Evidence, 'measurements' | 'files' | 'unfinished'>,
): Measurement<T> {
  const planned = measurements.find(
    (one) => one.kind === kind && one.model === model && one.variant === variant,
  );
  if (planned === undefined) return { ok: false, because: 'not measured' };
  const open = unfinished.get(planned.receipt);
  if (open !== undefined)
    return { ok: false, because: `${open.reason.replaceAll('_', ' ')}: ${open.detail}` };
  const parsed = parseFile(files, planned.path, schema);
  return parsed.ok ? parsed : { ok: false, because: `${parsed.reason}: ${parsed.detail}` };
}

/** Files of finished cells that are gone or cannot be read; what they say is for their judge. */
export function missingMeasurements(
  measurements: readonly ExpectedMeasurement[],
  files: Files,
  unfinished: ReadonlyMap<string, Missing>,
): Missing[] {
  return measurements.flatMap(({ cell, path, receipt }) => {
    const parsed = parseFile(files, path, z.unknown());
    if (parsed.ok || unfinished.has(receipt)) return [];
    return [{ cell, path, reason: parsed.reason, detail: parsed.detail }];
  });
}
