// Certificates: a subject compared with its baseline, or in a null run the baseline with itself.
import type { Cell, CellId } from '../model/cell.js';
import { beside } from '../model/paths.js';
import { windowData } from './plan-data.js';
import { cellOf, weightsOf, type ModelPlan } from './plan-model.js';
import { brokenSubject, certifySpec, corpusReads } from './specs.js';
import { type StructuralError, windowsRun } from '../model/suite.js';

export interface Certified {
  /** What is compared with the baseline: an edit, an error, or `baseline` itself in a null run. */
  variant: string;
  run: number;
  making: CellId;
  directory: string;
  /** What is wrong with the subject's files, where they are not the model. */
  subjectError?: StructuralError;
}

export function certifyCell(plan: ModelPlan, certified: Certified): Cell {
  const { variant, run, making, directory } = certified;
  const { model, paths, suite } = plan;
  const unedited = variant === 'baseline';
  const target = unedited ? `null-${run}` : `certify-${run}`;
  const setup = plan.id('baseline', 'setup');
  const baselineRun = windowsRun(model.runs, run);
  const report = `${paths.baselineReport(baselineRun)}/report.json`;
  const windows = windowData(suite);
  const shared = model.baseline === 'shared';
  return cellOf(plan, variant, target, 'certify', {
    description: unedited
      ? `Certify the unedited ${model.name} against itself, null run ${run}`
      : `Certify ${variant} of ${model.name} against its baseline, run ${run}`,
    // Nx hashes only files made by cells named here, so the baseline's is named though the edit implies it.
    dependsOn: [
      ...new Set([setup, making, plan.id('baseline', 'preset')]),
      ...(shared ? [plan.id('baseline', `baseline-${baselineRun}`)] : []),
      ...windows.dependsOn,
    ],
    reads: [
      weightsOf('baseline', beside(paths.baseline).manifest),
      weightsOf('subject', beside(unedited ? paths.baseline : paths.weights(variant)).manifest),
      { name: 'preset', path: paths.preset, as: 'file' },
      ...(shared ? [{ name: 'baseline-report', path: report, as: 'file' } as const] : []),
      ...windows.reads,
      ...corpusReads(model),
    ],
    parts: [
      {
        name: target,
        spec: { ...certifySpec(model, run), ...brokenSubject(certified.subjectError) },
        writes: [
          { file: 'outcome.json', path: `${directory}/outcome.json` },
          { file: 'evaluation.cert.json', path: `${directory}/evaluation.cert.json`, optional: true },
        ],
        receipt: `${directory}/receipt.json`,
      },
    ],
  });
}
