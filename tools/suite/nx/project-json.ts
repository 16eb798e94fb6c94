// A plan as Nx projects: one project.json a variant, and the suite's own with what gathers them.
import type { Cell, CellId } from '../model/cell.js';
import type { JsonObject } from '../../base/json-value.js';
import { formatJson } from './format-json.js';
import { dataCellId } from '../plan/plan-data.js';
import { planSuite, BATCH_VARIANT } from '../plan/plan.js';
import { DATA_PROJECT, errorStepVariant, errorVariant, projectName } from '../model/names.js';
import { suiteDirectory } from '../model/paths.js';
import { EMPTY_RECORD, type SuiteRecord } from './record.js';
import { NO_PLACE, places, writtenGiB, type Place } from '../plan/schedule.js';
import { JUDGES, type Suite, type SuiteModel } from '../model/suite.js';
import { cellTarget, dependsOn, gather, madePaths, metadata, PYTHON_ENVIRONMENT } from './targets.js';

/** Stands in `metadata.generated` of every project.json made here; files without it are never touched. */
export const GENERATED = 'tools:suite';

export interface ProjectFile {
  /** Workspace-relative. */
  path: string;
  text: string;
}

type VariantClass = 'baseline' | 'clean' | 'stress' | 'ladder' | 'error' | 'edits';

/** Every project.json of a suite, the suite's own first. `record` is kept in that one, for later runs to go by. */
export function projectFiles(suite: Suite, record: SuiteRecord = EMPTY_RECORD): ProjectFile[] {
  const cells = planSuite(suite);
  const made = madePaths(cells);
  const hints = places(cells);
  const byProject = groupByProject(cells);
  const variants = suite.models.flatMap((model) =>
    variantsOf(model).flatMap(([variant, variantClass]) => {
      const project = projectName(suite.name, model.name, variant);
      const own = byProject.get(project);
      if (own === undefined) return [];
      return [
        {
          path: `${model.name}/${variant}`,
          json: variantProject(suite, model, variantClass, own, made, hints),
        },
      ];
    }),
  );
  const directory = suiteDirectory(suite.name);
  const data = cells.filter(({ kind }) => kind === 'data');
  if (data.length > 0) {
    const { model, variant } = DATA_PROJECT;
    variants.unshift({ path: `${model}/${variant}`, json: dataProject(suite, data, made, hints) });
  }
  return [
    { path: `${directory}/project.json`, text: formatJson(suiteProject(suite, cells, record)) },
    ...variants.map(({ path, json }) => ({
      path: `${directory}/${path}/project.json`,
      text: formatJson(json),
    })),
  ];
}

function groupByProject(cells: readonly Cell[]): ReadonlyMap<string, Cell[]> {
  const groups = new Map<string, Cell[]>();
  for (const cell of cells) {
    const group = groups.get(cell.project);
    if (group === undefined) groups.set(cell.project, [cell]);
    else group.push(cell);
  }
  return groups;
}

function variantsOf(model: SuiteModel): [string, VariantClass][] {
  return [
    ['baseline', 'baseline'],
    [BATCH_VARIANT, 'edits'],
    ...model.edits.map((edit): [string, VariantClass] => [edit.name, edit.class]),
    ...model.errors.map((type): [string, VariantClass] => [errorVariant(type), 'error']),
    ...model.errorSteps.map((step): [string, VariantClass] => [errorStepVariant(step), 'ladder']),
  ];
}

function variantProject(
  suite: Suite,
  model: SuiteModel,
  variantClass: VariantClass,
  cells: readonly Cell[],
  made: ReadonlySet<string>,
  hints: ReadonlyMap<string, Place>,
): JsonObject {
  const project = cells[0]?.project ?? '';
  const variant = project.split('.')[2] ?? '';
  const edits = projectName(suite.name, model.name, BATCH_VARIANT);
  const batch = cells.some(({ dependsOn }) => dependsOn.includes(`${edits}:edit`));
  return {
    $schema: '../../../../node_modules/nx/schemas/project-schema.json',
    name: project,
    tags: [`suite:${suite.name}`, `model:${model.name}`, `variant:${variant}`, `class:${variantClass}`],
    metadata: { description: describe(model.name, variant, variantClass), generated: GENERATED },
    implicitDependencies: [
      ...(cells.some(({ dependsOn }) => dependsOn.includes(dataCellId(suite.name)))
        ? [projectName(suite.name, DATA_PROJECT.model, DATA_PROJECT.variant)]
        : []),
      ...(variantClass === 'baseline' ? [] : [projectName(suite.name, model.name, 'baseline')]),
      ...(batch ? [edits] : []),
    ],
    targets: {
      certify: gather(
        `Everything of ${variant} of ${model.name}: its evaluations and certificates`,
        `${project}:certify`,
        cells.map((cell) => cell.target),
      ),
      ...evaluationNames(suite, project, cells),
      ...cellTargets(suite, cells, made, hints),
    },
  };
}

/**
 * `eval` and `eval-<benchmark>` as every variant that is evaluated has them, whether one cell does all or each its own:
 * a command that names them for many models leaves none out.
 */
function evaluationNames(suite: Suite, project: string, cells: readonly Cell[]): JsonObject {
  const done = cells.filter(({ kind }) => kind === 'eval').map(({ target }) => target);
  if (done.length === 0) return {};
  const named = ['eval', ...suite.benchmarks.map(({ name }) => `eval-${name}`)];
  return Object.fromEntries(
    named
      .filter((name) => !done.includes(name))
      .map((name) => [
        name,
        gather(
          name === 'eval'
            ? `Every evaluation of ${project}`
            : `${name} of ${project}: one cell does all benchmarks`,
          `${project}:${name}`,
          done,
        ),
      ]),
  );
}

/** Of what a suite reads from the hub: the verdict waits for it as for a variant, though it judges nothing of it. */
function dataProject(
  suite: Suite,
  cells: readonly Cell[],
  made: ReadonlySet<string>,
  hints: ReadonlyMap<string, Place>,
): JsonObject {
  const { model, variant } = DATA_PROJECT;
  const project = projectName(suite.name, model, variant);
  const description = `What the benchmarks and windows of ${suite.name} read from the hub`;
  return {
    $schema: '../../../../node_modules/nx/schemas/project-schema.json',
    name: project,
    tags: [`suite:${suite.name}`, `model:${model}`, `variant:${variant}`, `class:${model}`],
    metadata: { description, generated: GENERATED },
    implicitDependencies: [],
    targets: {
      certify: gather(
        description,
        `${project}:certify`,
        cells.map((cell) => cell.target),
      ),
      ...cellTargets(suite, cells, made, hints),
    },
  };
}

function cellTargets(
  suite: Suite,
  cells: readonly Cell[],
  made: ReadonlySet<string>,
  hints: ReadonlyMap<string, Place>,
): JsonObject {
  return Object.fromEntries(
    cells.map((cell) => [cell.target, cellTarget(cell, made, suite.name, hints.get(cell.id) ?? NO_PLACE)]),
  );
}

function isEmpty(values: Readonly<Record<string, unknown>>): boolean {
  return Object.keys(values).length === 0;
}

function describe(model: string, variant: string, variantClass: VariantClass): string {
  switch (variantClass) {
    case 'baseline':
      return `${model} as it is: weights, calibrations, preset, evaluation`;
    case 'edits':
      return `All edits of ${model}, made in one pass`;
    case 'clean':
      return `${model} after edit ${variant}, which should pass`;
    case 'stress':
      return `${model} after edit ${variant}, which may be flagged`;
    case 'ladder':
      return `${model} after ${variant}, a step of a ladder: its outcomes say what it is`;
    case 'error':
      return `${model} with an error put in, which must be detected`;
  }
}

/** Read by whoever counts, so that nobody reads every project for it. */
function countByModel(cells: readonly Cell[]): JsonObject {
  const counts: Record<string, number> = {};
  for (const { model } of cells) counts[model] = (counts[model] ?? 0) + 1;
  return counts;
}

/** Names of what `python-env` installs beside .venv to run quantized formats. */
function packagesOf(cells: readonly Cell[]): string[] {
  const named = cells.flatMap(({ parts }) =>
    parts.flatMap(({ spec }) => (typeof spec.package === 'string' ? [spec.package] : [])),
  );
  return [...new Set(named.map((one) => one.split('==')[0] ?? ''))].sort();
}

function suiteProject(suite: Suite, cells: readonly Cell[], record: SuiteRecord): JsonObject {
  const projects = [...new Set(cells.map((cell) => cell.project))];
  const calibrations = cells.filter((cell) => cell.kind === 'calibrate' || cell.kind === 'preset');
  const packages = packagesOf(cells);
  const { name } = suite;
  return {
    $schema: '../../node_modules/nx/schemas/project-schema.json',
    name,
    tags: [`suite:${name}`],
    metadata: {
      description:
        suite.description || `Validation suite ${name}: ${suite.models.length} models, ${cells.length} cells`,
      generated: GENERATED,
      ...(isEmpty(record.identity) ? {} : { identity: record.identity }),
      ...(isEmpty(record.commits) ? {} : { commits: record.commits }),
      ...(isEmpty(record.sizes) ? {} : { sizes: record.sizes }),
      ...(record.suiteDigest === '' ? {} : { suiteDigest: record.suiteDigest }),
      groundTruth: { ...suite.groundTruth },
      // Not written where it is the default: a judge more is no reason to make a project anew.
      ...(suite.judges.join() === JUDGES.join() ? {} : { judges: [...suite.judges] }),
      ...(packages.length === 0 ? {} : { packages }),
      weightsGiB: writtenGiB(cells),
      cells: countByModel(cells),
    },
    implicitDependencies: projects,
    targets: {
      certify: gather(`The whole suite ${name}, and then its verdict`, `${name}:certify`, ['verdict']),
      calibrate: gather(
        `All calibrations and presets of ${name}`,
        `${name}:calibrate`,
        dependsOn(calibrations.map((cell) => cell.id)),
      ),
      verdict: {
        executor: './tools:verdict',
        cache: false,
        metadata: metadata(`Analyse what there is of ${name} and write its verdict`, `${name}:verdict`),
        dependsOn: dependsOn(projects.map((project): CellId => `${project}:certify`)),
        options: { suite: name },
      },
      plan: {
        executor: './tools:plan',
        cache: false,
        metadata: metadata(
          `What a run of ${name} would do and why, how long, how much disk and memory, what will not fit`,
          `${name}:plan`,
        ),
        options: { suite: name },
      },
      status: {
        executor: './tools:status',
        cache: false,
        metadata: metadata(
          `What of ${name} runs, waits, is done or failed, and the time left`,
          `${name}:status`,
        ),
        options: { suite: name },
      },
      report: {
        executor: './tools:report',
        cache: false,
        metadata: metadata(`Make the report of what there is of ${name}; runs nothing`, `${name}:report`),
        options: { suite: name },
      },
      watch: {
        executor: './tools:watch',
        cache: false,
        metadata: metadata(`A live page of how ${name} stands, on this host, until Ctrl-C`, `${name}:watch`),
        options: { suite: name },
      },
      notify: {
        executor: './tools:notify',
        cache: false,
        metadata: metadata(`Say who is told of runs of ${name}, and with --test tell them`, `${name}:notify`),
        options: { suite: name },
      },
      restore: {
        executor: './tools:restore',
        cache: false,
        metadata: metadata(
          `Put the finished cells of ${name} back into Nx's cache, by one look at their receipts`,
          `${name}:restore`,
        ),
        options: { suite: name },
      },
      export: {
        executor: './tools:export',
        cache: false,
        metadata: metadata(
          `Pack report, verdict, tables, certificates, receipts and logs of ${name} into one zip`,
          `${name}:export`,
        ),
        options: { suite: name },
      },
      compare: {
        executor: './tools:compare',
        cache: false,
        metadata: metadata(
          `Say what changed since another run of ${name}: --with <its output directory>`,
          `${name}:compare`,
        ),
        options: { suite: name },
      },
      doctor: {
        executor: './tools:doctor',
        cache: false,
        metadata: metadata(
          `Look whether this host can run ${name}, before hours are spent`,
          `${name}:doctor`,
        ),
        dependsOn: [PYTHON_ENVIRONMENT],
        options: { suite: name },
      },
      clean: {
        executor: './tools:clean',
        cache: false,
        metadata: metadata(`Free the weights of ${name} that can be made again`, `${name}:clean`),
        options: { suite: name },
      },
    },
  };
}
