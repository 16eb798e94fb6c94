// A cell as an Nx target: its options, exactly what it reads and writes, and what it waits for.
import { CELL_KINDS, type Cell, type CellId, type CellKind, type CellRead } from '../model/cell.js';
import type { JsonObject, JsonValue } from '../../base/json-value.js';
import { machineCommand } from './machine-input.js';
import { pythonSources } from '../model/python-sources.js';
import type { Place } from '../plan/schedule.js';

/** For commands that ask Python. A cell installs it itself, when it really runs. */
export const PYTHON_ENVIRONMENT: JsonObject = { projects: ['tools'], target: 'python-env' };

/** `made`: paths that cells of this plan write. What a cell reads and none makes is an input file of the repository. */
export function cellTarget(
  cell: Cell,
  made: ReadonlySet<string>,
  suite: string,
  schedule: Place,
): JsonObject {
  return {
    executor: './tools:cell',
    cache: true,
    metadata: { ...metadata(cell.description, cell.id), schedule: { ...schedule } },
    dependsOn: dependsOn(cell.dependsOn),
    inputs: inputsOf(cell, made, suite),
    outputs: outputPaths(cell).map(inWorkspace),
    options: {
      kind: cell.kind,
      model: cell.model,
      sizeClass: cell.sizeClass,
      reads: cell.reads.map(({ name, path, as }) => ({ name, path, as })),
      parts: cell.parts.map(({ name, spec, writes, receipt, link }) => ({
        name,
        spec,
        writes: writes.map((write): JsonObject => ({ ...write })),
        receipt,
        ...(link === undefined ? {} : { link }),
      })),
    },
  };
}

/** The kind of cell a target of the plan is, by its name; undefined for a target that is no cell. */
export function kindOfTarget(target: string): CellKind | undefined {
  return CELL_KINDS.find((kind) => target === kind || target.startsWith(`${kind}-`));
}

/** Everything a cell publishes: results and receipts, never weights, links or logs. */
export function outputPaths(cell: Cell): string[] {
  return cell.parts.flatMap((part) => [...part.writes.map((write) => write.path), part.receipt]);
}

/** Paths that cells of the plan make for others: results, never receipts, whose times would move every hash. */
export function madePaths(cells: readonly Cell[]): ReadonlySet<string> {
  return new Set(
    cells.flatMap((cell) => cell.parts.flatMap((part) => part.writes.map((write) => write.path))),
  );
}

/** A target that does nothing itself and gathers others. */
export function gather(description: string, command: CellId, waitsFor: JsonValue[]): JsonObject {
  return { executor: 'nx:noop', cache: false, metadata: metadata(description, command), dependsOn: waitsFor };
}

export function metadata(description: string, id: CellId): JsonObject {
  return { description, help: { command: `npx nx run ${id} --verbose`, example: {} } };
}

/** Cells by target, in their order: `{ projects, target }` is what Nx takes. */
export function dependsOn(ids: readonly CellId[]): JsonObject[] {
  const byTarget = new Map<string, string[]>();
  for (const id of ids) {
    const [project = '', target = ''] = id.split(':');
    byTarget.set(target, [...(byTarget.get(target) ?? []), project]);
  }
  return [...byTarget].map(([target, projects]) => ({ projects, target }));
}

function inputsOf(cell: Cell, made: ReadonlySet<string>, suite: string): JsonValue[] {
  const committed = cell.reads.filter((read) => !made.has(read.path));
  const produced = cell.reads.filter((read) => made.has(read.path));
  return [
    { externalDependencies: [] },
    { runtime: machineCommand(suite) },
    ...pythonSources(cell.kind).map(inWorkspace),
    ...committed.map(committedInput),
    ...produced.map((read): JsonObject => ({ dependentTasksOutputFiles: read.path, transitive: false })),
  ];
}

function committedInput({ as, path }: CellRead): JsonValue {
  switch (as) {
    case 'directory':
      return inWorkspace(`${path}/**/*`);
    case 'listing':
      // It may lie outside the workspace, where Nx looks at nothing.
      return { runtime: `node tools/dist/bin/listing.js ${shellQuoted(path)}` };
    case 'content':
      // It may be one that git ignores, which Nx does not see.
      return { runtime: `node tools/dist/bin/listing.js ${shellQuoted(path)} content` };
    case 'file':
    case 'weights':
      return inWorkspace(path);
  }
}

function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function inWorkspace(path: string): string {
  return `{workspaceRoot}/${path}`;
}
