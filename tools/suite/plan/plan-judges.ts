// Cells of judges that measure for themselves: only where the suite names the judge, so that all others stay as they are.
import type { Cell, CellId, CellPart } from '../model/cell.js';
import { OVERLAY_VERSIONS } from '../model/overlays.js';
import { beside } from '../model/paths.js';
import { windowData } from './plan-data.js';
import { cellOf, weightsOf, type ModelPlan } from './plan-model.js';
import { JUDGES_HALF } from '../model/suite.js';
import { certifySpec, corpusReads } from './specs.js';

/** Of one edit or error. */
export function judgeCells(plan: ModelPlan, variant: string, making: CellId): Cell[] {
  const { judges } = plan.suite;
  return [
    ...(judges.includes('invarlock-true-baseline') ? [guardsCell(plan, variant, making)] : []),
    ...(judges.includes('invarlock-0.12') ? [certificate012(plan, variant, making)] : []),
  ];
}

/** Of the baseline, for all of its variants. */
export function judgesBaselineCells(plan: ModelPlan): Cell[] {
  return plan.suite.judges.includes('invarlock-0.12') ? [report012(plan)] : [];
}

/** As InvarLock 0.12's own profile `ci` has them, or what the suite has where that is more. */
const LEAST_WINDOWS = 240;
const BASELINE_012 = 'baseline-0.12-1';

/** The baseline's report, which the cells of all variants read. */
function report012(plan: ModelPlan): Cell {
  return certify012Cell(plan, 'baseline', BASELINE_012, {
    description: `InvarLock 0.12 evaluates the unedited ${plan.model.name} once for all`,
    dependsOn: [],
    reads: [],
    writes: [{ file: 'report.json', path: report012Path(plan) }],
  });
}

function certificate012(plan: ModelPlan, variant: string, making: CellId): Cell {
  const directory = plan.paths.judged('0.12', variant);
  return certify012Cell(plan, variant, 'certify-0.12-1', {
    description: `InvarLock 0.12 compares ${variant} with ${plan.model.name}`,
    dependsOn: [making, plan.id('baseline', BASELINE_012)],
    reads: [
      weightsOf('subject', beside(plan.paths.weights(variant)).manifest),
      { name: 'baseline-report', path: report012Path(plan), as: 'file' },
    ],
    writes: [
      { file: 'outcome.json', path: `${directory}/outcome.json` },
      { file: 'evaluation.report.json', path: `${directory}/evaluation.report.json`, optional: true },
    ],
  });
}

function report012Path({ paths }: ModelPlan): string {
  return `${paths.judged('0.12', 'baseline')}/report.json`;
}

type Own = Pick<Cell, 'description' | 'dependsOn' | 'reads'> & Pick<CellPart, 'writes'>;

/** What both have in common: the baseline, its preset and the windows of the first certificate. */
function certify012Cell(
  plan: ModelPlan,
  variant: string,
  target: string,
  { description, dependsOn, reads, writes }: Own,
): Cell {
  const { model, paths, suite } = plan;
  const windows = windowData(suite);
  const { preview, final } = model.invarlock.windows;
  return cellOf(plan, variant, target, 'certify012', {
    description,
    dependsOn: [
      ...new Set([plan.id('baseline', 'setup'), plan.id('baseline', 'preset'), ...dependsOn]),
      ...windows.dependsOn,
    ],
    reads: [
      weightsOf('baseline', beside(paths.baseline).manifest),
      ...reads,
      { name: 'preset', path: paths.preset, as: 'file' },
      ...windows.reads,
      ...corpusReads(model),
    ],
    parts: [
      {
        name: target,
        spec: {
          ...certifySpec(model, 1),
          version: OVERLAY_VERSIONS['invarlock-0.12'],
          windows: { preview: Math.max(LEAST_WINDOWS, preview), final: Math.max(LEAST_WINDOWS, final) },
        },
        writes,
        receipt: `${paths.judged('0.12', variant)}/receipt.json`,
      },
    ],
  });
}

/** Conventions of this suite, in no more than a specification: InvarLock sets none. */
const POLICY = { minimum_count: 100, maximum_regression: 0.03, maximum_interval_width: 0.2 };

/** Of one that was evaluated: InvarLock 0.17 on the answers to the judges' half of the items. */
export function regressionCells(plan: ModelPlan, variant: string, evaluations: readonly Cell[]): Cell[] {
  const { model, paths, suite } = plan;
  if (!suite.judges.includes('invarlock-0.17') || evaluations.length === 0) return [];
  const directory = paths.judged('0.17', variant);
  const tables = evaluations.flatMap(({ parts }) =>
    parts.flatMap(({ writes }) => writes.filter(({ file }) => file === 'outcomes.parquet')),
  );
  return [
    cellOf(plan, variant, 'regression', 'regression', {
      description: `InvarLock 0.17 compares the answers of ${variant} with those of ${model.name}`,
      dependsOn: [plan.id('baseline', 'eval'), ...evaluations.map((cell) => cell.id)],
      reads: [
        // By their manifests: what was answered is all that is read of the models.
        { name: 'baseline', path: beside(paths.baseline).manifest, as: 'file' },
        { name: 'subject', path: beside(paths.weights(variant)).manifest, as: 'file' },
        { name: 'baseline-outcomes', path: paths.evaluation('baseline').outcomes, as: 'file' },
        ...tables.map(({ path }, at) => ({ name: `subject-outcomes-${at + 1}`, path, as: 'file' }) as const),
      ],
      parts: [
        {
          name: 'regression',
          spec: { invarlock: OVERLAY_VERSIONS['invarlock-0.17'], half: JUDGES_HALF, policy: { ...POLICY } },
          writes: [{ file: 'evaluation.report.json', path: `${directory}/evaluation.report.json` }],
          receipt: `${directory}/receipt.json`,
        },
      ],
    }),
  ];
}

/** On the windows of the first certificate: the guards of `certify`, prepared on the true baseline. */
function guardsCell(plan: ModelPlan, variant: string, making: CellId): Cell {
  const { model, paths, suite } = plan;
  const directory = paths.judged('true-baseline', variant);
  const windows = windowData(suite);
  return cellOf(plan, variant, 'guards', 'guards', {
    description: `Ask spectral and RMT, prepared on ${model.name}, about ${variant}`,
    dependsOn: [
      ...new Set([plan.id('baseline', 'setup'), making, plan.id('baseline', 'preset')]),
      ...windows.dependsOn,
    ],
    reads: [
      weightsOf('baseline', beside(paths.baseline).manifest),
      weightsOf('subject', beside(paths.weights(variant)).manifest),
      { name: 'preset', path: paths.preset, as: 'file' },
      ...windows.reads,
      ...corpusReads(model),
    ],
    parts: [
      {
        name: 'guards',
        spec: certifySpec(model, 1),
        writes: [{ file: 'guards.json', path: `${directory}/guards.json` }],
        receipt: `${directory}/receipt.json`,
      },
    ],
  });
}
