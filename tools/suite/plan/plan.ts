// The plan of a suite: every cell with its inputs, outputs and dependencies. Pure; the order is stable.
import type { Cell, CellPart } from '../model/cell.js';
import { errorVariant } from '../model/names.js';
import { beside } from '../model/paths.js';
import { baselineCells } from './plan-baseline.js';
import { dataCells } from './plan-data.js';
import { cellOf, modelPlan, numbers, weightsOf, type ModelPlan } from './plan-model.js';
import { certifyCell } from './plan-certify.js';
import { benchmarkEvalCell, evalCell } from './plan-eval.js';
import { declaredMatrices } from './specs.js';
import { hasFiniteWeights, runsOf, type ErrorType, type Suite, type SuiteEdit } from '../model/suite.js';

/** The variant whose project makes all edits of a model in batch mode. */
export const BATCH_VARIANT = 'edits';

export function planSuite(suite: Suite): Cell[] {
  const models = suite.models.flatMap((model) => {
    const plan = modelPlan(suite, model);
    return [
      ...baselineCells(plan),
      ...nullCells(plan),
      ...(model.mode === 'batch' && model.edits.length > 0 ? [batchCell(plan)] : []),
      ...model.edits.flatMap((edit) => editCells(plan, edit)),
      ...model.errors.flatMap((type) => errorCells(plan, type)),
    ];
  });
  return [...dataCells(suite), ...models];
}

function batchCell(plan: ModelPlan): Cell {
  const { model, paths } = plan;
  return cellOf(plan, BATCH_VARIANT, 'edit', 'edit', {
    description: `Make all ${model.edits.length} edits of ${model.name} in one pass over its baseline`,
    dependsOn: [plan.id('baseline', 'setup')],
    reads: [weightsOf('baseline', beside(paths.baseline).manifest)],
    parts: model.edits.map((edit) => editPart(plan, edit)),
  });
}

function editPart(plan: ModelPlan, edit: SuiteEdit): CellPart {
  const link = plan.paths.weights(edit.name);
  const files = beside(link);
  return {
    name: edit.name,
    spec: { ...edit.spec, ...declaredMatrices(plan.model) },
    writes: [
      { file: 'manifest.json', path: files.manifest },
      { file: 'edit_metadata.json', path: files.editMetadata },
    ],
    receipt: files.receipt,
    link,
  };
}

function editCells(plan: ModelPlan, edit: SuiteEdit): Cell[] {
  const { model, paths, suite } = plan;
  const batch = model.mode === 'batch';
  const making = plan.id(batch ? BATCH_VARIANT : edit.name, 'edit');
  const own = cellOf(plan, edit.name, 'edit', 'edit', {
    description: `Make edit ${edit.name} of ${model.name}`,
    dependsOn: [plan.id('baseline', 'setup')],
    reads: [weightsOf('baseline', beside(paths.baseline).manifest)],
    parts: [editPart(plan, edit)],
  });
  const evaluations = model.split
    ? suite.benchmarks.map((benchmark) => benchmarkEvalCell(plan, { variant: edit.name, making }, benchmark))
    : [evalCell(plan, { variant: edit.name, making })];
  const certificates = numbers(runsOf(model.runs, edit.class)).map((run) =>
    certifyCell(plan, {
      variant: edit.name,
      run,
      making,
      directory: paths.certificate(edit.name, run),
    }),
  );
  return [...(batch ? [] : [own]), ...evaluations, ...certificates];
}

/** The baseline certified against itself: what a guard flags here, it flags of nothing. */
function nullCells(plan: ModelPlan): Cell[] {
  const making = plan.id('baseline', 'setup');
  return numbers(plan.model.runs.nulls).map((run) =>
    certifyCell(plan, { variant: 'baseline', run, making, directory: plan.paths.nullCertificate(run) }),
  );
}

function errorCells(plan: ModelPlan, type: ErrorType): Cell[] {
  const { model, paths } = plan;
  const variant = errorVariant(type);
  const link = paths.weights(variant);
  const files = beside(link);
  const inject = cellOf(plan, variant, 'inject', 'inject', {
    description: `Inject ${type} into ${model.name}`,
    dependsOn: [plan.id('baseline', 'setup')],
    reads: [weightsOf('baseline', beside(paths.baseline).manifest)],
    parts: [
      {
        name: 'inject',
        spec: { error: type, ...declaredMatrices(model) },
        writes: [
          { file: 'manifest.json', path: files.manifest },
          { file: 'error_metadata.json', path: files.errorMetadata },
        ],
        receipt: files.receipt,
        link,
      },
    ],
  });
  const certificate = certifyCell(plan, {
    variant,
    run: 1,
    making: inject.id,
    directory: paths.errorCertificate(type),
  });
  // One cell even where edits have one a benchmark: of so few items, most of the time goes to loading the model.
  const evaluations = hasFiniteWeights(type)
    ? [evalCell(plan, { variant, making: inject.id, limit: model.errorLimit })]
    : [];
  return [inject, ...evaluations, certificate];
}
