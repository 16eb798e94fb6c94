// The fault a cell ended with, kept beside its attempts until it ends well: why a result is missing.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { attemptsDirectory } from './attempt-paths.js';
import { readRegular, writeWhole } from '../../base/files.js';

const FILE = 'fault.json';
const schema = z.object({ code: z.string(), message: z.string(), at: z.string() });

/** What a cell's last attempt ended with. */
export interface LastFault {
  /** `code: message`. */
  sentence: string;
  /** UTC, ISO-8601. */
  at: string;
}

export function writeFault(
  workspaceRoot: string,
  project: string,
  target: string,
  fault: { code: string; message: string },
): void {
  const { code, message } = fault;
  const path = join(attemptsDirectory(workspaceRoot, project, target), FILE);
  writeWhole(path, `${JSON.stringify({ code, message, at: new Date().toISOString() }, null, 2)}\n`);
}

export function clearFault(workspaceRoot: string, project: string, target: string): void {
  rmSync(join(attemptsDirectory(workspaceRoot, project, target), FILE), { force: true });
}

/** The last attempt's fault and when it ended, or undefined when it did not fail. */
export function readFault(workspaceRoot: string, cell: string): LastFault | undefined {
  const [project = '', target = ''] = cell.split(':');
  try {
    const text = readRegular(join(attemptsDirectory(workspaceRoot, project, target), FILE)).toString();
    const { code, message, at } = schema.parse(JSON.parse(text));
    return { sentence: `${code}: ${message}`, at };
  } catch {
    return undefined;
  }
}

/** Those of all cells, by cell. */
export function readFaults(
  workspaceRoot: string,
  cells: readonly { id: string }[],
): ReadonlyMap<string, LastFault> {
  return new Map(
    cells.flatMap(({ id }) => {
      const fault = readFault(workspaceRoot, id);
      return fault === undefined ? [] : [[id, fault] as const];
    }),
  );
}

/** Whether the cell ended well after the fault, here or in another checkout: each part has a receipt from since. */
export function isOver(fault: LastFault, endedAt: readonly (string | undefined)[]): boolean {
  return endedAt.every((at) => at !== undefined && at > fault.at);
}
