// Brings `state/progress.json`, and the progress record that the scheduler goes by, in line with the receipts: what Nx restored
// from its cache came by no executor, what was deleted left none, and what is outdated is not finished.
import { withFileLock } from '../../host/file-lock.js';
import { readGeneratedSuite } from '../../suite/nx/generated.js';
import type { PlannedCell } from '../../suite/plan/planned.js';
import { readProgress, reconcileProgress, runName } from '../lease/directory/progress-record.js';
import type { Passed } from '../lease/pass.js';
import { finishedCells } from '../records/finished-cells.js';
import { readStanding, standingStates, type Standing } from '../records/standing.js';
import { atWork, keepProgress, type ProgressOf } from './keep-progress.js';

/** As often as the original script's monitor. */
const EVERY_MS = 60_000;

/** Called at every pass of the ticker: each run that has a cell on this host, as it begins and once a minute. */
export async function tickProgress(
  directory: ProgressOf['directory'],
  { leases, state }: Pick<Passed, 'leases' | 'state'>,
): Promise<void> {
  const runs = new Set([...leases, ...state.tickets].map(({ run }) => run));
  for (const run of runs) {
    if (!isDue(readProgress(directory, run)?.reconciledAt)) continue;
    const at = run.lastIndexOf('#');
    const [workspaceRoot, suite] = [run.slice(0, at), run.slice(at + 1)];
    const cells = readGeneratedSuite(workspaceRoot, suite)?.cells;
    if (cells !== undefined)
      await refreshProgress({ directory, workspaceRoot, suite }, cells, () =>
        readStanding(workspaceRoot, cells),
      );
  }
}

/**
 * @param look at the cells, not before it is called: a cell that ends meanwhile must be in the record first.
 * @throws Error when the file cannot be written.
 */
export async function refreshProgress(
  of: Omit<ProgressOf, 'cell'>,
  cells: readonly PlannedCell[],
  look: () => Promise<Standing>,
): Promise<void> {
  const { directory, workspaceRoot, suite } = of;
  const run = runName(workspaceRoot, suite);
  const known = readProgress(directory, run);
  const standing = await look();
  await withFileLock(directory.schedulerLock, () => {
    const { running, waiting } = atWork(of);
    const open = new Set([...running.map(({ cell }) => cell), ...waiting]);
    reconcileProgress(directory, run, known, finishedCells(cells, standing), open);
  });
  const states = standingStates(cells, standing);
  const failed = [...standing.faults].filter(([cell]) => states.get(cell) === 'failed');
  await keepProgress(
    of,
    failed.map(([cell, { sentence: why }]) => ({ cell, why })),
  );
}

function isDue(at: string | undefined): boolean {
  // A clock that was set back must not silence it.
  return at === undefined || Math.abs(Date.now() - Date.parse(at)) >= EVERY_MS;
}
