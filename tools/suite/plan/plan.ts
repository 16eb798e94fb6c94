// The plan of a suite: every cell with its inputs, outputs and dependencies. Pure; the order is stable.
import type { JsonObject } from '../../base/json-value.js';
import type { Cell, CellId, CellPart } from '../model/cell.js';
import { isOwn, isRunQuantized, type EditClass, type EditSpec, type OwnSpec } from '../model/edit-spec.js';
import { errorStepVariant, errorVariant } from '../model/names.js';
import { beside } from '../model/paths.js';
import { baselineCells } from './plan-baseline.js';
import { dataCells } from './plan-data.js';
import { cellOf, modelPlan, numbers, weightsOf, type ModelPlan } from './plan-model.js';
import { certifyCell } from './plan-certify.js';
import { judgeCells, judgesBaselineCells, regressionCells } from './plan-judges.js';
import { benchmarkEvalCell, evalCell } from './plan-eval.js';
import { adoptionCell, programCell } from './plan-adoption.js';
import { declaredMatrices, quantizedPackage } from './specs.js';
import {
  hasFiniteWeights,
  isStructural,
  runsOf,
  type ErrorStep,
  type ErrorType,
  type Suite,
  type SuiteEdit,
} from '../model/suite.js';

/** The variant whose project makes all edits of a model in batch mode. */
export const BATCH_VARIANT = 'edits';

export function planSuite(suite: Suite): Cell[] {
  const models = suite.models.flatMap((model) => {
    const plan = modelPlan(suite, model);
    return [
      ...baselineCells(plan),
      ...nullCells(plan),
      ...judgesBaselineCells(plan),
      ...(model.mode === 'batch' && madeHere(plan).length > 0 ? [batchCell(plan)] : []),
      ...model.edits.flatMap((edit) => editCells(plan, edit)),
      ...model.errors.flatMap((type) => errorCells(plan, type)),
      ...model.errorSteps.flatMap((step) => errorStepCells(plan, step)),
    ];
  });
  return [...dataCells(suite), ...models];
}

type MadeEdit = SuiteEdit & { spec: EditSpec };

/** Edits that a pass over the baseline makes; the others are made elsewhere. */
function madeHere({ model }: ModelPlan): MadeEdit[] {
  return model.edits.flatMap(({ spec, ...edit }) => (isOwn(spec) ? [] : { ...edit, spec }));
}

function batchCell(plan: ModelPlan): Cell {
  const { model, paths } = plan;
  const edits = madeHere(plan);
  return cellOf(plan, BATCH_VARIANT, 'edit', 'edit', {
    description: `Make all ${edits.length} edits of ${model.name} in one pass over its baseline`,
    dependsOn: [plan.id('baseline', 'setup')],
    reads: [weightsOf('baseline', beside(paths.baseline).manifest)],
    parts: edits.map((edit) => editPart(plan, edit)),
  });
}

function editPart(plan: ModelPlan, edit: MadeEdit): CellPart {
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

function editCells(plan: ModelPlan, { spec, ...edit }: SuiteEdit): Cell[] {
  const { model, paths } = plan;
  if (isOwn(spec)) {
    const making =
      spec.type === 'program' ? programCell(plan, edit.name, spec) : adoptionCell(plan, edit.name, spec);
    if (isRunQuantized(spec)) return [making, ...quantizedCells(plan, edit.name, spec, making.id)];
    return [making, ...judgedCells(plan, edit.name, edit.class, making.id)];
  }
  const batch = model.mode === 'batch';
  const making = plan.id(batch ? BATCH_VARIANT : edit.name, 'edit');
  const own = cellOf(plan, edit.name, 'edit', 'edit', {
    description: `Make edit ${edit.name} of ${model.name}`,
    dependsOn: [plan.id('baseline', 'setup')],
    reads: [weightsOf('baseline', beside(paths.baseline).manifest)],
    parts: [editPart(plan, { ...edit, spec })],
  });
  return [...(batch ? [] : [own]), ...judgedCells(plan, edit.name, edit.class, making)];
}

/** What is evaluated as it is has no certificate: InvarLock's guards read floating-point weights. */
function quantizedCells(plan: ModelPlan, name: string, spec: OwnSpec, making: CellId): Cell[] {
  const quantized = { variant: name, making, ...quantizedPackage(spec) };
  const { model, suite } = plan;
  const evaluations = model.split
    ? suite.benchmarks.map((benchmark) => benchmarkEvalCell(plan, quantized, benchmark))
    : [evalCell(plan, quantized)];
  return [...evaluations, ...regressionCells(plan, name, evaluations)];
}

/** Evaluations and certificates of an edit, or of an error at a strength of its own. */
function judgedCells(plan: ModelPlan, variant: string, editClass: EditClass, making: CellId): Cell[] {
  const { model, paths, suite } = plan;
  const evaluations = model.split
    ? suite.benchmarks.map((benchmark) => benchmarkEvalCell(plan, { variant, making }, benchmark))
    : [evalCell(plan, { variant, making })];
  const certificates = numbers(runsOf(model.runs, editClass)).map((run) =>
    certifyCell(plan, { variant, run, making, directory: paths.certificate(variant, run) }),
  );
  const compared = regressionCells(plan, variant, evaluations);
  return [...evaluations, ...certificates, ...judgeCells(plan, variant, making), ...compared];
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
  const inject = injectCell(plan, variant, `Inject ${type} into ${model.name}`, { error: type });
  const broken = isStructural(type) ? { subjectError: type } : {};
  const certificate = certifyCell(plan, {
    ...{ variant, run: 1, making: inject.id, ...broken },
    directory: paths.errorCertificate(type),
  });
  // One cell even where edits have one a benchmark: of so few items, most of the time goes to loading the model.
  const evaluations = hasFiniteWeights(type)
    ? [evalCell(plan, { variant, making: inject.id, limit: model.errorLimit, ...broken })]
    : [];
  // What cannot be loaded has no weights to show a guard, and answers nothing.
  const judged = isStructural(type)
    ? []
    : [...judgeCells(plan, variant, inject.id), ...regressionCells(plan, variant, evaluations)];
  return [inject, ...evaluations, certificate, ...judged];
}

/** An error at one strength of a ladder: nothing is expected of it, so it is evaluated and certified as an edit is. */
function errorStepCells(plan: ModelPlan, step: ErrorStep): Cell[] {
  const variant = errorStepVariant(step);
  const { type, factor } = step;
  const description = `Inject ${type} with factor ${factor} into ${plan.model.name}`;
  const inject = injectCell(plan, variant, description, { error: type, factor });
  return [inject, ...judgedCells(plan, variant, 'ladder', inject.id)];
}

function injectCell(plan: ModelPlan, variant: string, description: string, spec: JsonObject): Cell {
  const { model, paths } = plan;
  const link = paths.weights(variant);
  const files = beside(link);
  return cellOf(plan, variant, 'inject', 'inject', {
    description,
    dependsOn: [plan.id('baseline', 'setup')],
    reads: [weightsOf('baseline', beside(paths.baseline).manifest)],
    parts: [
      {
        name: 'inject',
        spec: { ...spec, ...declaredMatrices(model) },
        writes: [
          { file: 'manifest.json', path: files.manifest },
          { file: 'error_metadata.json', path: files.errorMetadata },
        ],
        receipt: files.receipt,
        link,
      },
    ],
  });
}
