// Cells of a model's baseline: setup, calibrations, preset, evaluation.
import type { Cell } from './cell.js';
import { cellOf, numbers, weightsOf, type ModelPlan } from './plan-model.js';
import { beside } from './paths.js';
import { calibrationSpec, evalSpec, presetSpec, corpusReads, sourceReads, tasksReads } from './specs.js';

export function baselineCells(plan: ModelPlan): Cell[] {
  const { model, suite, paths } = plan;
  const files = beside(paths.baseline);
  const setup = cellOf(plan, 'baseline', 'setup', 'setup', {
    description: `Make the weights of ${model.name}: bf16 safetensors, tokenizer and profile in the weights store`,
    dependsOn: [],
    reads: sourceReads(model),
    parts: [
      {
        name: 'setup',
        spec: { source: model.source, trust_remote_code: model.trustRemoteCode },
        writes: [
          { file: 'manifest.json', path: files.manifest },
          { file: 'profile.json', path: files.profile },
        ],
        receipt: files.receipt,
        link: paths.baseline,
      },
    ],
  });
  const baseline = weightsOf('baseline', files.manifest);
  const calibrations = numbers(model.runs.calibration).map((run) => {
    const directory = paths.calibration(run);
    return cellOf(plan, 'baseline', `calibrate-${run}`, 'calibrate', {
      description: `Calibration run ${run} of ${model.runs.calibration}: InvarLock on the unedited ${model.name}`,
      dependsOn: [setup.id],
      reads: [baseline, ...corpusReads(model)],
      parts: [
        {
          name: `calibrate-${run}`,
          spec: calibrationSpec(model, run),
          writes: ['report.json', 'extract.json'].map((file) => ({ file, path: `${directory}/${file}` })),
          receipt: `${directory}/receipt.json`,
        },
      ],
    });
  });
  const preset = cellOf(plan, 'baseline', 'preset', 'preset', {
    description: `Derive the guard preset of ${model.name} from its calibrations`,
    dependsOn: calibrations.map((cell) => cell.id),
    reads: numbers(model.runs.calibration).map((run) => ({
      name: `calibration-${run}`,
      path: `${paths.calibration(run)}/extract.json`,
      as: 'file',
    })),
    parts: [
      {
        name: 'preset',
        spec: presetSpec(model),
        writes: [
          { file: 'preset.yaml', path: paths.preset },
          { file: 'calibration_stats.json', path: paths.calibrationStats },
        ],
        receipt: paths.presetReceipt,
      },
    ],
  });
  const { results, receipt } = paths.evaluation('baseline');
  const evaluation = cellOf(plan, 'baseline', 'eval', 'eval', {
    description: `Evaluate the unedited ${model.name} on every benchmark`,
    dependsOn: [setup.id],
    reads: [weightsOf('subject', files.manifest), ...tasksReads(suite)],
    parts: [
      {
        name: 'eval',
        spec: evalSpec(suite, model, suite.benchmarks),
        writes: [{ file: 'results.json', path: results }],
        receipt,
      },
    ],
  });
  return [setup, ...calibrations, preset, evaluation];
}
