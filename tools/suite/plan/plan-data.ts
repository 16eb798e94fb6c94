// The cell that fetches what a suite reads from the hub, and what the cells that read it wait for.
import type { Cell, CellId, CellPart, CellRead } from '../model/cell.js';
import type { JsonObject } from '../../base/json-value.js';
import { DATA_PROJECT, projectName } from '../model/names.js';
import { beside, dataLink } from '../model/paths.js';
import type { Benchmark, Suite } from '../model/suite.js';
import { taskCode, tasksReads } from './specs.js';

/** The id of the cell, for a suite that has one. */
export function dataCellId(suite: string): CellId {
  return `${projectName(suite, DATA_PROJECT.model, DATA_PROJECT.variant)}:data`;
}

/** A part for each task and for the provider, so that another benchmark makes no other result anew. */
export function dataCells(suite: Suite): Cell[] {
  const { data } = suite;
  if (data === undefined) return [];
  const id = dataCellId(suite.name);
  const [project = '', target = ''] = id.split(':');
  const { provider } = data;
  return [
    {
      ...{ id, project, target },
      kind: 'data',
      model: DATA_PROJECT.model,
      sizeClass: 'tiny',
      description: `Fetch what the benchmarks and windows of ${suite.name} read from the hub, once for all cells`,
      dependsOn: [],
      reads: data.tasks.length > 0 ? tasksReads(suite) : [],
      parts: [
        ...data.tasks.map((task) => part(suite, 'benchmarks', task, { task, ...taskCode(suite) })),
        ...(provider === undefined ? [] : [part(suite, 'windows', provider, { provider })]),
      ],
    },
  ];
}

function part(suite: Suite, of: 'benchmarks' | 'windows', name: string, spec: JsonObject): CellPart {
  const link = dataLink(suite.name, of, name);
  const files = beside(link);
  return {
    name: `${of}-${name}`,
    spec: { ...spec, revisions: { ...suite.data?.revisions[name] } },
    writes: [
      { file: 'manifest.json', path: files.manifest },
      { file: 'datasets.json', path: files.datasets },
    ],
    receipt: files.receipt,
    link,
  };
}

/** What cells that read the hub's data add to their own: nothing where the suite's own files are all they read. */
export interface DataNeed {
  dependsOn: CellId[];
  reads: CellRead[];
}

/** Of an evaluation of some benchmarks. */
export function benchmarkData(suite: Suite, benchmarks: readonly Benchmark[]): DataNeed {
  const asked = new Set(benchmarks.map(({ task }) => task));
  const tasks = suite.data?.tasks.filter((task) => asked.has(task)) ?? [];
  return needed(
    suite,
    tasks.map((task) => [task, 'benchmarks']),
  );
}

/** Of what InvarLock runs. */
export function windowData(suite: Suite): DataNeed {
  const provider = suite.data?.provider;
  return needed(suite, provider === undefined ? [] : [[provider, 'windows']]);
}

function needed(
  { name: suite }: Suite,
  parts: (readonly [name: string, of: 'benchmarks' | 'windows'])[],
): DataNeed {
  return {
    dependsOn: parts.length === 0 ? [] : [dataCellId(suite)],
    reads: parts.map(([name, of]) => ({
      name: `data-${name}`,
      path: beside(dataLink(suite, of, name)).manifest,
      as: 'weights',
    })),
  };
}
