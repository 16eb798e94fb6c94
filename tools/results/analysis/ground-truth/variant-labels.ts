// Labels of every edit and error of a suite, from the tables of outcomes that lie in its output tree.
import { z } from 'zod';
import type { ExpectedEvaluation, PlannedVariant } from '../../read/expected.js';
import { type Files, type Missing, parseFile } from '../../read/files.js';
import { evaluationSchema } from '../../read/schema.js';
import { labelOf, type Labelled, type Margins } from './label.js';
import type { Outcomes } from '../../read/outcome-table.js';
import { joinArms, type JoinedBenchmark } from './pairs.js';

/** A label, or in a few words why there is none. A model that cannot be loaded is harmful without any answers. */
export type VariantLabel = { ok: true; value: Labelled } | { ok: false; reason: string; unloadable?: string };

export const NO_OUTCOMES: { ok: false; reason: string } = {
  ok: false,
  reason: 'not assessable: no outcomes',
};

/** The reader has looked at the table itself. */
const outcomesSchema = z.custom<Outcomes>(
  (value) => typeof value === 'object' && value !== null && 'docHash' in value,
);

export interface VariantLabels {
  of: (variant: Pick<PlannedVariant, 'model' | 'variant'>) => VariantLabel;
  /** What the label was made of; null where there is none. */
  joined: (variant: Pick<PlannedVariant, 'model' | 'variant'>) => readonly JoinedBenchmark[] | null;
  missing: Missing[];
}

export function variantLabels(
  evaluations: readonly ExpectedEvaluation[],
  files: Files,
  unfinished: ReadonlyMap<string, Missing>,
  margins: Margins,
): VariantLabels {
  const missing: Missing[] = [];
  const read = (one: ExpectedEvaluation): Outcomes | null => {
    if (one.outcomes === null || unfinished.has(one.receipt)) return null;
    const parsed = parseFile(files, one.outcomes, outcomesSchema);
    if (parsed.ok) return parsed.value;
    missing.push({ cell: one.cell, path: one.outcomes, reason: parsed.reason, detail: parsed.detail });
    return null;
  };
  const whyUnloadable = (one: ExpectedEvaluation): string | null => {
    if (one.outcomes !== null || unfinished.has(one.receipt)) return null;
    const parsed = parseFile(files, one.path, evaluationSchema);
    return parsed.ok ? (parsed.value.cannot_be_loaded ?? null) : null;
  };
  const arms = evaluations.map((one) => ({ one, outcomes: read(one) }));
  const labels = new Map<string, VariantLabel>();
  const pairs = new Map<string, readonly JoinedBenchmark[]>();
  for (const model of new Set(evaluations.map((one) => one.model))) {
    const ofModel = arms.filter(({ one }) => one.model === model);
    const baselines = ofModel.filter(({ one }) => one.class === 'baseline');
    for (const variant of new Set(ofModel.map(({ one }) => one.variant))) {
      const parts = ofModel.filter(({ one }) => one.variant === variant && one.class !== 'baseline');
      if (parts.length === 0) continue;
      const key = `${model}\0${variant}`;
      const [why] = parts.flatMap(({ one }) => whyUnloadable(one) ?? []);
      if (why !== undefined) {
        labels.set(key, { ok: false, reason: 'cannot be loaded', unloadable: why });
        continue;
      }
      const joined = joinParts(baselines, parts, missing);
      if (joined.ok) pairs.set(key, joined.value);
      labels.set(key, joined.ok ? { ok: true, value: labelOf(joined.value, margins) } : joined);
    }
  }
  return {
    of: ({ model, variant }) => labels.get(`${model}\0${variant}`) ?? NO_OUTCOMES,
    joined: ({ model, variant }) => pairs.get(`${model}\0${variant}`) ?? null,
    missing,
  };
}

interface Arm {
  one: ExpectedEvaluation;
  outcomes: Outcomes | null;
}

/** All benchmarks of a variant, each joined with the baseline's: at least one. */
function joinParts(
  baselines: readonly Arm[],
  parts: readonly Arm[],
  missing: Missing[],
): { ok: true; value: JoinedBenchmark[] } | typeof NO_OUTCOMES {
  const joined: JoinedBenchmark[] = [];
  for (const { one, outcomes } of parts) {
    if (outcomes === null) return NO_OUTCOMES;
    for (const benchmark of one.benchmarks) {
      const before = baselines.find((baseline) => baseline.one.benchmarks.includes(benchmark));
      if (before === undefined || before.outcomes === null) return NO_OUTCOMES;
      const pair = joinArms(benchmark, before.outcomes, outcomes);
      if (!pair.ok) {
        const path = one.outcomes ?? one.path;
        missing.push({ cell: one.cell, path, reason: 'mismatched', detail: pair.mismatch });
        return { ok: false, reason: `not assessable: ${pair.mismatch}` };
      }
      joined.push(pair.value);
    }
  }
  return joined.length === 0 ? NO_OUTCOMES : { ok: true, value: joined };
}
