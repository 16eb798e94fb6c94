// What the cells of one model share: names, paths and the making of a cell.
import { GIB } from '../../base/units.js';
import type { Cell, CellId, CellKind, CellRead } from '../model/cell.js';
import { projectName } from '../model/names.js';
import { modelPaths, type ModelPaths } from '../model/paths.js';
import type { Suite, SuiteModel } from '../model/suite.js';

export interface ModelPlan {
  suite: Suite;
  model: SuiteModel;
  paths: ModelPaths;
  id(variant: string, target: string): CellId;
}

export function modelPlan(suite: Suite, model: SuiteModel): ModelPlan {
  return {
    suite,
    model,
    paths: modelPaths(suite.name, model.name),
    id: (variant, target) => `${projectName(suite.name, model.name, variant)}:${target}`,
  };
}

export function cellOf(
  plan: ModelPlan,
  variant: string,
  target: string,
  kind: CellKind,
  rest: Pick<Cell, 'description' | 'dependsOn' | 'reads' | 'parts'>,
): Cell {
  const { suite, model } = plan;
  const { sourceBytes } = model;
  return {
    id: plan.id(variant, target),
    project: projectName(suite.name, model.name, variant),
    target,
    kind,
    model: model.name,
    sizeClass: model.sizeClass,
    ...(sourceBytes === undefined ? {} : { sourceGiB: sourceBytes / GIB }),
    ...rest,
  };
}

export function weightsOf(role: 'baseline' | 'subject', manifest: string): CellRead {
  return { name: role, path: manifest, as: 'weights' };
}

export function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}
