// How a cell flows: fingerprint → receipt? → lease → receipt? → Python → results → receipt.
import { countFinished } from '../lease/count-finished.js';
import { openLockDirectory } from '../lease/directory/lock-directory.js';
import { GIB } from '../../base/units.js';
import { readGeneratedSuite } from '../../suite/nx/generated.js';
import { mayGo } from '../../suite/model/keep.js';
import { usesAccelerator } from '../../suite/memory/memory.js';
import { suiteOf } from '../../suite/plan/planned.js';
import { requireRecorded } from '../../suite/nx/record.js';
import { loadSiteSettings } from '../../suite/settings/settings.js';
import { monotonicMs } from '../../base/clock.js';
import { messageOf } from '../../base/message.js';
import { dropConsumed, weightsOfPlan } from '../store/consumers.js';
import { Fault } from '../../base/fault.js';
import { readMachineIdentity, versionsOf } from '../records/identity.js';
import { Journal } from '../records/journal.js';
import { minFreeDiskGiB } from '../store/disk-plan.js';
import type { CellContext, CellOutcome, CellRun } from './context.js';
import { pendingParts, readInputs } from './pending.js';
import { Tries } from './tries.js';
import { runTurns, type Turns } from './turns.js';

/**
 * Run one cell to its receipts.
 *
 * @throws Fault with the cause; nothing but whole parts is published then, and the lease is given back.
 */
export async function runCell(run: CellRun): Promise<CellOutcome> {
  const context = await prepare(run);
  const pending = await pendingParts(context, true);
  if (pending.length === 0) {
    await countReused(context);
    return 'reused';
  }
  const { cell, options, settings, machine, journal, say } = context;
  const spec = options.parts[0]?.spec ?? {};
  const pool = machine.pool.length;
  const tries = new Tries({ cell, kind: options.kind, spec, settings, pool, journal, say });
  const turns: Turns = { made: new Set(), recipes: [], queuedAtMs: monotonicMs() };
  const outcome = await tries.run(() => runTurns(context, tries, turns, pending, runCell));
  if (settings.storageKeep !== 'all') await dropReadWeights(context);
  return outcome;
}

/** The last cell that reads some weights lets them go, where the site says so. */
async function dropReadWeights(context: CellContext): Promise<void> {
  const { workspaceRoot, project, settings, reads, say } = context;
  const cells = readGeneratedSuite(workspaceRoot, suiteOf(project))?.cells ?? [];
  const candidates = weightsOfPlan(cells).filter(
    ({ manifest, cell }) =>
      mayGo(settings.storageKeep, cell.kind) && reads.some(({ declared }) => declared === manifest),
  );
  try {
    await dropConsumed({ workspaceRoot, storageRoot: settings.storageRoot }, cells, candidates, say);
  } catch (error) {
    // The cell is finished; what could not be dropped is said and stays.
    say(`weights could not be dropped: ${messageOf(error)}`);
  }
}

async function countReused({ directory, workspaceRoot, cell, project, options }: CellContext): Promise<void> {
  const { model, kind } = options;
  try {
    await countFinished(directory, workspaceRoot, suiteOf(project), { cell, model, kind });
  } catch {
    // A count that helps the scheduler must not fail a finished cell.
  }
}

async function prepare(run: CellRun): Promise<CellContext> {
  try {
    const settings = loadSiteSettings(run.workspaceRoot);
    // Also here: Nx's daemon hashes in an environment of its own.
    requireRecorded(run.workspaceRoot, suiteOf(run.project), process.env);
    const machine = await readMachineIdentity(run.workspaceRoot, settings);
    return {
      ...run,
      cell: `${run.project}:${run.target}`,
      settings,
      directory: openLockDirectory(settings.lockDirectory),
      machine,
      deviceClass: usesAccelerator(run.options.kind) ? machine.deviceClass : 'cpu',
      versions: versionsOf(run.options.kind, machine.versions),
      reads: await readInputs(run, settings),
      journal: new Journal(run.workspaceRoot, suiteOf(run.project)),
      disk: {
        workspaceRoot: run.workspaceRoot,
        suite: suiteOf(run.project),
        settings,
        minFreeBytes: minFreeDiskGiB(settings.minFreeDiskGiB, run.schedule.suiteGiB) * GIB,
      },
    };
  } catch (error) {
    // Settings, lock directory, nvidia-smi: their sentences say what to mend.
    throw error instanceof Fault ? error : new Fault('environment', messageOf(error));
  }
}
