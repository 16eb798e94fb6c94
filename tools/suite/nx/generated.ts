// Reads a suite back from its generated projects: what nx runs is what the verdict judges, and only while they are in step with suite.yaml.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readIfThere } from '../../base/files.js';
import type { CellOptions } from '../model/cell.js';
import { ALL_JUDGES, GROUND_TRUTH, JUDGES, type GroundTruth, type JudgeName } from '../model/suite.js';
import { hasConflictMarkers } from './conflict.js';
import { requireInStep } from './in-step.js';
import { readRecord } from './record.js';

export interface GeneratedVariant {
  model: string;
  variant: string;
  class: string;
}

export type GeneratedCell = CellOptions & {
  id: string;
  /** See `SuiteModel.sourceBytes`. */
  sourceGiB?: number;
  /** Ids of the targets it waits for, cells and others. */
  dependsOn: string[];
};

export interface GeneratedSuite {
  suite: string;
  variants: GeneratedVariant[];
  cells: GeneratedCell[];
  /** What labels are made with; in points. */
  groundTruth: GroundTruth;
  judges: readonly JudgeName[];
}

/** As the generator writes them. */
interface Dependency {
  projects: string[];
  target: string;
}

interface Target {
  executor?: string;
  metadata?: { schedule?: { sourceGiB?: number } };
  options?: CellOptions;
  dependsOn?: Dependency[];
}

interface ProjectFile {
  name: string;
  tags: string[];
  metadata?: { groundTruth?: GroundTruth; judges?: string[] };
  targets: Record<string, Target>;
}

/**
 * @returns undefined when the suite has not been generated.
 * @throws Error naming the project.json that is not one.
 */
export function readGeneratedSuite(workspaceRoot: string, suite: string): GeneratedSuite | undefined {
  const root = join(workspaceRoot, 'suites', suite);
  const own = readProject(join(root, 'project.json'));
  if (own === undefined) return undefined;
  const projects = directories(root).flatMap((model) =>
    directories(join(root, model)).flatMap(
      (variant) => readProject(join(root, model, variant, 'project.json')) ?? [],
    ),
  );
  return {
    suite,
    groundTruth: own.metadata?.groundTruth ?? GROUND_TRUTH,
    judges: judgesOf(own.metadata?.judges),
    variants: projects.map((project) => ({
      model: tag(project, 'model'),
      variant: tag(project, 'variant'),
      class: tag(project, 'class'),
    })),
    cells: projects.flatMap(({ name, targets }) =>
      Object.entries(targets).flatMap(([target, { executor, metadata, options, dependsOn = [] }]) => {
        if (executor !== './tools:cell' || options === undefined) return [];
        const sourceGiB = metadata?.schedule?.sourceGiB;
        const source = sourceGiB === undefined ? {} : { sourceGiB };
        return { ...options, id: `${name}:${target}`, ...source, dependsOn: dependsOn.flatMap(idsOf) };
      }),
    ),
  };
}

/** @throws Error when the suite has not been generated, or from another suite.yaml, with the command to give. */
export function requireGeneratedSuite(workspaceRoot: string, suite: string): GeneratedSuite {
  const generated = readGeneratedSuite(workspaceRoot, suite);
  if (generated !== undefined) {
    requireInStep(workspaceRoot, suite, readRecord(workspaceRoot, suite));
    return generated;
  }
  throw new Error(`suite ${suite} has no projects yet. Make them: npx nx g ./tools:suite ${suite}`);
}

/** In the order written; one that this version has not is none of its judges. */
function judgesOf(names: readonly string[] = JUDGES): JudgeName[] {
  return names.flatMap((name) => ALL_JUDGES.find((known) => known === name) ?? []);
}

function idsOf({ projects, target }: Dependency): string[] {
  return projects.map((project) => `${project}:${target}`);
}

function tag({ tags }: ProjectFile, key: string): string {
  return tags.find((value) => value.startsWith(`${key}:`))?.slice(key.length + 1) ?? '';
}

function directories(path: string): string[] {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

function readProject(path: string): ProjectFile | undefined {
  const text = readIfThere(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as ProjectFile;
  } catch {
    const conflict = hasConflictMarkers(text) ? 'holds conflict markers of a merge' : 'is not JSON';
    throw new Error(`${path} ${conflict}. Make the projects of the suite anew: npm run suites:repair`);
  }
}
