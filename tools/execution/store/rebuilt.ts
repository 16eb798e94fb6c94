// Weights made again: how the new bytes differ from the old, and which results were made from the old ones.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readIfThere } from '../../base/files.js';
import type { CellPart } from '../../suite/model/cell.js';
import { readGeneratedSuite, type GeneratedSuite } from '../../suite/nx/generated.js';
import { suiteOf } from '../../suite/plan/planned.js';
import { parseManifest, type Manifest } from '../records/manifest.js';

type PlannedCell = GeneratedSuite['cells'][number];

/** What sets a remade entry apart, in words; undefined when its manifest says the same. */
export function weightsChange(before: Manifest, after: Manifest): string | undefined {
  const digests = new Map(before.files.map(({ path, sha256 }) => [path, sha256]));
  const differing = after.files.filter(({ path, sha256 }) => digests.get(path) !== sha256);
  const gone = before.files.filter(({ path }) => !after.files.some((file) => file.path === path));
  const device =
    before.device_class === after.device_class
      ? ''
      : `; made on ${after.device_class ?? 'an unknown class of device'}, before on ${before.device_class ?? 'an unknown one'}`;
  const count = differing.length + gone.length;
  if (count > 0) return `${count} of its files differ from before${device}`;
  return before.recipe === after.recipe && device === ''
    ? undefined
    : `the same bytes by another recipe${device}`;
}

/** Cells that read one of these files, or what such a cell writes, and so on; in the order of the plan. */
export function dependentsOf<Planned extends Pick<PlannedCell, 'reads' | 'parts'>>(
  cells: readonly Planned[],
  paths: readonly string[],
): Planned[] {
  const stale = new Set(paths);
  const found = new Set<Planned>();
  for (let grown = true; grown;) {
    grown = false;
    for (const cell of cells) {
      if (found.has(cell) || !cell.reads.some(({ path }) => stale.has(path))) continue;
      found.add(cell);
      for (const { writes } of cell.parts) for (const { path } of writes) stale.add(path);
      grown = true;
    }
  }
  return cells.filter((cell) => found.has(cell));
}

/**
 * To be called before a part's new manifest is published: a sentence that says how the weights differ from those
 * published before and names the finished cells that depend on the old ones; undefined when nothing does.
 */
export function namesOutdated(
  workspaceRoot: string,
  project: string,
  part: CellPart,
  staging: string,
): string | undefined {
  const manifest = part.writes.find(({ file }) => file === 'manifest.json');
  if (manifest === undefined) return undefined;
  const before = manifestAt(join(workspaceRoot, manifest.path));
  const after = manifestAt(join(staging, manifest.file));
  const change = before === undefined || after === undefined ? undefined : weightsChange(before, after);
  if (change === undefined) return undefined;
  const finished = dependentsOf(cellsOf(workspaceRoot, project), [manifest.path]).filter(({ parts }) =>
    parts.some(({ receipt }) => existsSync(join(workspaceRoot, receipt))),
  );
  if (finished.length === 0) return undefined;
  const ids = finished.map(({ id }) => id).join(', ');
  return `${part.name}: ${change}. Made from the old ones, and to run again: ${ids}`;
}

/** Of the suite a project belongs to; none where its projects cannot be read: that fails no cell. */
function cellsOf(workspaceRoot: string, project: string): readonly PlannedCell[] {
  try {
    return readGeneratedSuite(workspaceRoot, suiteOf(project))?.cells ?? [];
  } catch {
    return [];
  }
}

/** Undefined for a file that is missing, torn or no manifest. */
function manifestAt(path: string): Manifest | undefined {
  try {
    const text = readIfThere(path);
    return text === undefined ? undefined : parseManifest(text);
  } catch {
    return undefined;
  }
}
