// Evaluations: lm-eval's benchmarks on a variant, all in one cell or each in one of its own.
import type { Cell, CellId } from '../model/cell.js';
import { beside } from '../model/paths.js';
import type { Benchmark, StructuralError } from '../model/suite.js';
import { benchmarkData } from './plan-data.js';
import { cellOf, weightsOf, type ModelPlan } from './plan-model.js';
import { brokenSubject, evalSpec, tasksReads } from './specs.js';

export interface Evaluated {
  /** `baseline`, an edit, or an error. */
  variant: string;
  making: CellId;
  /** Items of each benchmark, where they are fewer than the suite's limit. */
  limit?: number | null;
  /** What is wrong with its files, where they are not the model: then it answers nothing. */
  subjectError?: StructuralError;
  /** What runs its quantized format, `<package>==<version>`. */
  package?: string;
}

export function evalCell(plan: ModelPlan, evaluated: Evaluated): Cell {
  const { variant } = evaluated;
  const limit = limitOf(plan, evaluated);
  const whole =
    variant === 'baseline' ? `the unedited ${plan.model.name}` : `${variant} of ${plan.model.name}`;
  if (evaluated.subjectError !== undefined) {
    const description = `See that ${whole} cannot be loaded`;
    return cell(plan, evaluated, 'eval', variant, plan.suite.benchmarks, description);
  }
  const items = limit === null ? 'every benchmark' : `${limit} items of every benchmark`;
  return cell(plan, evaluated, 'eval', variant, plan.suite.benchmarks, `Evaluate ${whole} on ${items}`);
}

export function benchmarkEvalCell(plan: ModelPlan, evaluated: Evaluated, benchmark: Benchmark): Cell {
  const { variant } = evaluated;
  const { name } = benchmark;
  const description = `Evaluate ${variant} of ${plan.model.name} on ${name}`;
  return cell(plan, evaluated, `eval-${name}`, `${variant}_${name}`, [benchmark], description);
}

function cell(
  plan: ModelPlan,
  evaluated: Evaluated,
  target: string,
  file: string,
  benchmarks: readonly Benchmark[],
  description: string,
): Cell {
  const { model, paths, suite } = plan;
  const { variant, making, subjectError } = evaluated;
  const { results, outcomes, receipt } = paths.evaluation(file);
  const data = benchmarkData(suite, benchmarks);
  const link = variant === 'baseline' ? paths.baseline : paths.weights(variant);
  return cellOf(plan, variant, target, 'eval', {
    description,
    dependsOn: [making, ...data.dependsOn],
    reads: [weightsOf('subject', beside(link).manifest), ...data.reads, ...tasksReads(suite)],
    parts: [
      {
        name: target,
        spec: {
          ...evalSpec(suite, model, benchmarks, limitOf(plan, evaluated)),
          ...brokenSubject(subjectError),
          ...(evaluated.package === undefined ? {} : { package: evaluated.package }),
        },
        writes: [
          { file: 'results.json', path: results },
          ...(subjectError === undefined ? [{ file: 'outcomes.parquet', path: outcomes }] : []),
        ],
        receipt,
      },
    ],
  });
}

/** The smaller of the evaluation's own limit and the suite's: items beyond the baseline's could not be compared. */
function limitOf({ suite }: ModelPlan, { limit = null }: Evaluated): number | null {
  const limits = [limit, suite.evalLimit].filter((one) => one !== null);
  return limits.length === 0 ? null : Math.min(...limits);
}
