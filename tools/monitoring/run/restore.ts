// Puts the finished cells of a suite back into Nx's cache, after `nx reset` or in a clone that got the output tree: by an nx
// run in which one process looks at all receipts, where a run of the suite has a process for each.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { readLooked, RESTORING, type Looked } from '../../base/restoring.js';
import { say } from '../../base/text/say.js';
import { requireGeneratedSuite } from '../../suite/nx/generated.js';

/** Cells that are named one by one. */
const MOST_NAMED = 10;

export async function restore(workspaceRoot: string, suite: string): Promise<void> {
  const { cells, looked } = await lookAtCells(workspaceRoot, suite);
  for (const line of restoredLines(suite, cells, looked)) say(line);
}

/**
 * Everything that Nx's cache has of a suite, here or at a server, into the workspace, and everything that stands by its
 * receipts into the cache; no cell runs.
 *
 * @returns how many cells there are, those that Nx answered from its cache, and what was found of others.
 * @throws Error when the nx run ends before it looked at the cells.
 */
export async function lookAtCells(
  workspaceRoot: string,
  suite: string,
): Promise<{ cells: number; answered: ReadonlySet<string>; looked: Looked[] }> {
  const cells = new Set(requireGeneratedSuite(workspaceRoot, suite).cells.map(({ id }) => id));
  const scratch = mkdtempSync(join(tmpdir(), 'validation-restore-'));
  try {
    const file = join(scratch, 'looked.jsonl');
    const targets = [...new Set([...cells].map((id) => id.slice(id.indexOf(':') + 1)))];
    const ended = await execa(
      process.execPath,
      [
        ...[nxProgram(workspaceRoot), 'run-many', '--batch', '--nxBail=false', '--outputStyle=stream'],
        ...['--targets', targets.join(), '--projects', `${suite},${suite}.*`],
      ],
      {
        cwd: workspaceRoot,
        env: { [RESTORING]: file, NX_BATCH_MODE: 'true', FORCE_COLOR: '0' },
        ...{ reject: false, all: true, stdin: 'ignore' as const },
      },
    );
    const said = readLooked(file);
    const looked = said.looked.filter(({ cell }) => cells.has(cell));
    if (ended.exitCode !== 0 && looked.every(({ why }) => why === undefined))
      throw new Error(`nx could not look at the cells:\n${ended.all.trim()}`);
    return { cells: cells.size, answered: new Set(said.answered.filter((id) => cells.has(id))), looked };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** What was found, for a terminal. Pure. */
export function restoredLines(suite: string, cells: number, looked: readonly Looked[]): string[] {
  const back = looked.filter(({ why }) => why === undefined).length;
  const open = looked.filter(({ why }) => why !== undefined);
  const others = cells - looked.length;
  const first = `${suite}: ${back} of ${cells} cells are back in Nx's cache by their receipts`;
  if (open.length === 0) return [others === 0 ? first : `${first}, ${others} were there already`];
  const rest = others === 0 ? '' : ` (${others} others were there already or wait for these)`;
  const named = open.slice(0, MOST_NAMED).map(({ cell, why = '' }) => `  ${cell}: ${why}`);
  const more = open.length > MOST_NAMED ? [`  and ${open.length - MOST_NAMED} more`] : [];
  return [
    `${first}; ${open.length} are not finished${rest}:`,
    ...named,
    ...more,
    `Finish them: npx nx run-many -t certify --projects '${suite}*'`,
  ];
}

/** As the nx of the workspace names it. */
function nxProgram(workspaceRoot: string): string {
  const manifest = createRequire(join(workspaceRoot, 'package.json')).resolve('nx/package.json');
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8')) as { bin: { nx: string } };
  return join(dirname(manifest), bin.nx);
}
