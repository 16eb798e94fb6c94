// Which weights nothing waits for any more: every cell that reads them has its receipt.
import { sizeText } from '../../base/units.js';
import { rmSync, lstatSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from '../../base/canonical.js';
import { readIfThere, readRegular } from '../../base/files.js';
import type { CellPart } from '../../suite/model/cell.js';
import type { PlannedCell } from '../../suite/plan/planned.js';
import { evictEntry } from './evict-weights.js';
import { parseManifest } from '../records/manifest.js';
import { readReceipt } from '../records/receipt.js';

export interface Weights {
  cell: PlannedCell;
  part: CellPart;
  /** Workspace-relative. */
  manifest: string;
}

/** Everything of a plan that lies in the store. */
export function weightsOfPlan(cells: readonly PlannedCell[]): Weights[] {
  return cells.flatMap((cell) =>
    cell.parts.flatMap((part) => {
      const manifest = part.writes.find(({ file }) => file === 'manifest.json')?.path;
      return part.link === undefined || manifest === undefined ? [] : [{ cell, part, manifest }];
    }),
  );
}

/** Cells that still have to read the weights of a manifest with this digest. */
export function waitingFor(
  workspaceRoot: string,
  cells: readonly PlannedCell[],
  manifest: string,
  digest: string,
): string[] {
  return cells
    .filter(({ reads, parts }) => {
      const role = reads.find(({ as, path }) => as === 'weights' && path === manifest)?.name;
      if (role === undefined) return false;
      return !parts.every(({ receipt }) => readReceipt(join(workspaceRoot, receipt))?.reads[role] === digest);
    })
    .map(({ id }) => id);
}

/** Drop what nothing waits for, of the weights given. */
export async function evictConsumed(
  { workspaceRoot, storageRoot }: { workspaceRoot: string; storageRoot: string },
  cells: readonly PlannedCell[],
  candidates: readonly Weights[],
  log: (line: string) => void,
): Promise<void> {
  for (const { cell, part, manifest } of candidates) {
    const text = readIfThere(join(workspaceRoot, manifest));
    if (text === undefined || waitingFor(workspaceRoot, cells, manifest, sha256(text)).length > 0) continue;
    const { recipe, bytes } = parseManifest(text);
    if ((await evictEntry(storageRoot, recipe)) !== 'evicted') continue;
    removeLink(workspaceRoot, part.link);
    log(
      `weights of ${cell.id.split(':')[0] ?? ''} ${part.name} are evicted (${sizeText(bytes)}): nothing waits for them`,
    );
  }
}

/** Of weights that went: a link that leads nowhere would only puzzle. */
export function removeLink(workspaceRoot: string, link: string | undefined): void {
  if (link === undefined) return;
  const path = join(workspaceRoot, link);
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true) rmSync(path, { force: true });
}

/** Bytes of an entry as its manifest says, and whether it is there. */
export function manifestAt(
  workspaceRoot: string,
  path: string,
): ReturnType<typeof parseManifest> | undefined {
  try {
    return parseManifest(readRegular(join(workspaceRoot, path)).toString());
  } catch {
    return undefined;
  }
}
