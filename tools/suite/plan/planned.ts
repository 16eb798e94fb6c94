// Cells as the commands of a run know them, and what can be told of a plan from what they read and write.
import type { CellOptions, CellPart } from '../model/cell.js';

export type PlannedCell = CellOptions & { id: string; sourceGiB?: number };

/** Paths that cells of the plan write, with the cell that writes each. */
export function makersOf<Planned extends PlannedCell>(
  cells: readonly Planned[],
): ReadonlyMap<string, Planned> {
  return new Map(
    cells.flatMap((cell) =>
      cell.parts.flatMap(({ writes }) => writes.map(({ path }) => [path, cell] as const)),
    ),
  );
}

/** Cells it reads from, each once, in the order of its reads. */
export function makersFor<Planned extends PlannedCell>(
  { reads }: Pick<PlannedCell, 'reads'>,
  makers: ReadonlyMap<string, Planned>,
): Planned[] {
  return [...new Set(reads.flatMap(({ path }) => makers.get(path) ?? []))];
}

/** A model that is downloaded, of which the hub's cache keeps a copy. */
export function isFromHub({ spec: { source } }: CellPart): boolean {
  return typeof source === 'object' && source !== null && 'type' in source && source.type === 'hub';
}

/** The suite of a project: `smoke` of `smoke.tiny-dense.baseline`. */
export function suiteOf(project: string): string {
  return project.split('.')[0] ?? project;
}
