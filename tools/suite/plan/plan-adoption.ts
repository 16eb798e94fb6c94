// The cell of an edit made elsewhere: its checkpoint is compared with the baseline and put into the weights store.
import type { Cell } from '../model/cell.js';
import type { CheckpointSpec } from '../model/edit-spec.js';
import { beside } from '../model/paths.js';
import { cellOf, weightsOf, type ModelPlan } from './plan-model.js';
import { remoteCode, sourceReads } from './specs.js';

export function adoptionCell(plan: ModelPlan, name: string, { type, source }: CheckpointSpec): Cell {
  const { model, paths } = plan;
  const link = paths.weights(name);
  const files = beside(link);
  return cellOf(plan, name, 'adopt', 'adopt', {
    description: `Compare checkpoint ${name} with ${model.name} and put it into the weights store`,
    dependsOn: [plan.id('baseline', 'setup')],
    reads: [weightsOf('baseline', beside(paths.baseline).manifest), ...sourceReads({ source })],
    parts: [
      {
        name,
        spec: { type, source, ...remoteCode(model.trustRemoteCode) },
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
