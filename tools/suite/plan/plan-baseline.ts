// Cells of a model's baseline: setup, calibrations, preset, reports for its certificates, evaluation.
import type { Cell } from '../model/cell.js';
import { cellOf, numbers, weightsOf, type ModelPlan } from './plan-model.js';
import { beside } from '../model/paths.js';
import { windowData } from './plan-data.js';
import { evalCell } from './plan-eval.js';
import { calibrationSpec, certifySpec, corpusReads, presetSpec, sourceReads } from './specs.js';
import { distinctRuns } from '../model/suite.js';

export function baselineCells(plan: ModelPlan): Cell[] {
  const { model, paths, suite } = plan;
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
  const windows = windowData(suite);
  const calibrations = numbers(model.runs.calibration).map((run) => {
    const directory = paths.calibration(run);
    return cellOf(plan, 'baseline', `calibrate-${run}`, 'calibrate', {
      description: `Calibration run ${run} of ${model.runs.calibration}: InvarLock on the unedited ${model.name}`,
      dependsOn: [setup.id, ...windows.dependsOn],
      reads: [baseline, ...windows.reads, ...corpusReads(model)],
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
  const shared = model.baseline === 'shared' ? numbers(distinctRuns(model)) : [];
  const reports = shared.map((run) => {
    const directory = paths.baselineReport(run);
    return cellOf(plan, 'baseline', `baseline-${run}`, 'baseline', {
      description: `Evaluate the unedited ${model.name} once for all certificates of run ${run}`,
      dependsOn: [setup.id, preset.id, ...windows.dependsOn],
      reads: [
        baseline,
        { name: 'preset', path: paths.preset, as: 'file' },
        ...windows.reads,
        ...corpusReads(model),
      ],
      parts: [
        {
          name: `baseline-${run}`,
          spec: certifySpec(model, run),
          writes: [{ file: 'report.json', path: `${directory}/report.json` }],
          receipt: `${directory}/receipt.json`,
        },
      ],
    });
  });
  const evaluation = evalCell(plan, { variant: 'baseline', making: setup.id });
  return [setup, ...calibrations, preset, ...reports, evaluation];
}
