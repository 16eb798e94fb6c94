// Results that no cell of a suite makes any more: of a model or an edit that was renamed or removed. Reports go by the
// plan and leave them out; `clean` names them.
import { readdirSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import type { PlannedCell } from '../../suite/plan/planned.js';
import { beside } from '../../suite/model/paths.js';

export interface LeftBehind {
  /** Workspace-relative: what a person would delete, results of one model, edit or run. */
  paths: string[];
  /** Workspace-relative links to weights of the store, each with its manifest beside it. */
  links: string[];
}

/** Looks for receipts below output/<suite> that no part of a cell has as its own. */
export function leftBehind(workspaceRoot: string, suite: string, cells: readonly PlannedCell[]): LeftBehind {
  const own = new Set(cells.flatMap(({ parts }) => parts.map(({ receipt }) => receipt)));
  const found = receiptsBelow(join(workspaceRoot, 'output', suite))
    .map((path) => posix.join('output', suite, path))
    .filter((path) => !own.has(path));
  const alive = [...own].map((path) => dirname(path));
  return {
    paths: [...new Set(found.map((path) => widest(path, alive, suite)))].sort(),
    links: found.flatMap((path) => {
      const link = path.replace(/\.receipt\.json$/, '');
      return link !== path && beside(link).receipt === path ? [link] : [];
    }),
  };
}

/** The highest directory below output/<suite> that holds nothing of the suite's cells; the receipt itself if none does. */
function widest(receipt: string, alive: readonly string[], suite: string): string {
  const root = `output/${suite}`;
  let widest = receipt;
  for (let path = dirname(receipt); path !== root && path !== '.'; path = dirname(path)) {
    if (alive.some((other) => other === path || other.startsWith(`${path}/`))) break;
    widest = path;
  }
  return widest;
}

function receiptsBelow(root: string, below = ''): string[] {
  try {
    return readdirSync(join(root, below), { withFileTypes: true }).flatMap((entry) => {
      const path = posix.join(below, entry.name);
      if (entry.isDirectory()) return receiptsBelow(root, path);
      return entry.isFile() && /(^|\.)receipt\.json$/.test(entry.name) ? [path] : [];
    });
  } catch {
    // Nothing has run yet, or it was removed this instant.
    return [];
  }
}
