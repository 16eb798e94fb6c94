// The cell of an edit that no pass over the baseline makes: a checkpoint from elsewhere, or what a program writes, is
// compared with the baseline and put into the weights store.
import type { JsonObject } from '../../base/json-value.js';
import type { Cell, CellKind, CellRead } from '../model/cell.js';
import type { CheckpointSpec, ProgramSpec } from '../model/edit-spec.js';
import { beside } from '../model/paths.js';
import { cellOf, weightsOf, type ModelPlan } from './plan-model.js';
import { remoteCode, sourceReads } from './specs.js';

export function adoptionCell(plan: ModelPlan, name: string, { type, source, taken }: CheckpointSpec): Cell {
  const description = `Compare checkpoint ${name} with ${plan.model.name} and put it into the weights store`;
  return making(
    plan,
    { name, kind: 'adopt', description },
    { type, source, ...taken },
    sourceReads({ source }),
  );
}

export function programCell(plan: ModelPlan, name: string, program: ProgramSpec): Cell {
  const { type, command, directory, inputs, gpus, seed, timeoutSeconds, taken } = program;
  const description = `Run program ${name} on ${plan.model.name} and put what it writes into the weights store`;
  const spec = {
    ...{ type, command: [...command], directory, inputs: [...inputs] },
    ...(gpus > 0 ? { gpus } : {}),
    // Another seed runs no program again that is not told it.
    ...(command.some((word) => word.includes('{seed}')) ? { seed } : {}),
    ...taken,
  };
  const reads = inputs.map((path, index): CellRead => ({ name: `input-${index + 1}`, path, as: 'content' }));
  const cell = making(plan, { name, kind: 'program', description }, spec, reads);
  return timeoutSeconds === undefined ? cell : { ...cell, timeoutSeconds };
}

function making(
  plan: ModelPlan,
  { name, kind, description }: { name: string; kind: CellKind; description: string },
  spec: JsonObject,
  reads: readonly CellRead[],
): Cell {
  const { model, paths } = plan;
  const link = paths.weights(name);
  const files = beside(link);
  return cellOf(plan, name, kind, kind, {
    description,
    dependsOn: [plan.id('baseline', 'setup')],
    reads: [weightsOf('baseline', beside(paths.baseline).manifest), ...reads],
    parts: [
      {
        name,
        spec: { ...spec, ...remoteCode(model.trustRemoteCode) },
        writes: [
          { file: 'manifest.json', path: files.manifest },
          { file: 'edit_metadata.json', path: files.editMetadata },
        ],
        receipt: files.receipt,
        link,
      },
    ],
  });
}
