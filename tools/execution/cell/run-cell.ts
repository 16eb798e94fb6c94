// How a cell flows: fingerprint → receipt? → lease → receipt? → Python → results → receipt.
import { countFinished } from '../lease/acquire.js';
import { openLockDirectory, type LockDirectory } from '../lease/directory/lock-directory.js';
import { GIB } from '../../base/units.js';
import type { CellOptions } from '../../suite/model/cell.js';
import { readGeneratedSuite } from '../../suite/nx/generated.js';
import { mayGo } from '../../suite/model/keep.js';
import { usesAccelerator } from '../../suite/memory/memory.js';
import { suiteOf } from '../../suite/plan/planned.js';
import { pythonSources } from '../../suite/model/python-sources.js';
import { requireRecorded } from '../../suite/nx/record.js';
import type { Schedule } from '../../suite/plan/schedule.js';
import { loadSiteSettings, type SiteSettings } from '../../suite/settings/settings.js';
import { monotonicMs } from '../../base/clock.js';
import { messageOf } from '../../base/message.js';
import { dropConsumed, weightsOfPlan } from '../store/consumers.js';
import type { DiskWatch } from '../store/disk.js';
import { Fault } from '../../base/fault.js';
import { digestSources, fingerprint } from '../records/fingerprint.js';
import { readMachineIdentity, versionsOf, type MachineIdentity, type Versions } from '../records/identity.js';
import type { PendingPart } from '../worker/job-file.js';
import { Journal } from '../records/journal.js';
import { minFreeDiskGiB } from './lease-request.js';
import { reasonToRun } from '../records/receipt.js';
import { resolveReads, type ResolvedRead } from '../records/reads.js';
import { Tries } from './tries.js';
import { runTurns, type Turns } from './turns.js';

export interface CellRun {
  workspaceRoot: string;
  project: string;
  target: string;
  options: CellOptions;
  /** The cell's place in the plan, for the scheduler; changes no result. */
  schedule: Schedule;
  /** `--skip-nx-cache`: no receipt ends the cell. */
  forced: boolean;
  /** Weights are needed here and now: a receipt stands for them only if they are in the store. */
  weightsWanted?: boolean;
  signal: AbortSignal;
  say: (line: string) => void;
}

/** What every step of one cell's run shares. */
export interface CellContext extends CellRun {
  cell: string;
  settings: SiteSettings;
  directory: LockDirectory;
  machine: MachineIdentity;
  deviceClass: string;
  versions: Versions;
  reads: readonly ResolvedRead[];
  journal: Journal;
  disk: DiskWatch;
}

export type CellOutcome = 'reused' | 'ran';

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
  const outcome = await tries.run(() => runTurns(context, tries, turns, pending));
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

export async function readInputs(run: CellRun, settings: SiteSettings): Promise<ResolvedRead[]> {
  return resolveReads(run.workspaceRoot, settings.storageRoot, run.options.reads);
}

/** Ends a cell whose inputs were replaced while Python read them: its results would vouch for files it never saw. */
export async function requireSameInputs(context: CellContext): Promise<void> {
  const now = await readInputs(context, context.settings);
  const changed = now.filter(
    ({ name, sha256 }) => context.reads.find((read) => read.name === name)?.sha256 !== sha256,
  );
  if (changed.length === 0) return;
  const names = changed.map(({ declared }) => declared).join(', ');
  throw new Fault(
    'bad_input',
    `${names} changed while the cell ran`,
    'Run it again once nothing else writes there.',
  );
}

function fingerprintParts({
  workspaceRoot,
  options,
  reads,
  versions,
  deviceClass,
}: CellContext): PendingPart[] {
  const { kind } = options;
  const sources = digestSources(workspaceRoot, pythonSources(kind));
  const digests = Object.fromEntries(reads.map(({ name, sha256 }) => [name, sha256]));
  return options.parts.map((part) => ({
    part,
    fingerprint: fingerprint({ kind, spec: part.spec, reads: digests, sources, versions, deviceClass }),
  }));
}

/** Parts without a receipt that stands, and why. */
export async function pendingParts(context: CellContext, announce: boolean): Promise<PendingPart[]> {
  const { workspaceRoot, settings, options } = context;
  const wanted = context.weightsWanted === true || !mayGo(settings.storageKeep, options.kind);
  const pending: PendingPart[] = [];
  for (const candidate of fingerprintParts(context)) {
    const { part } = candidate;
    const reason = context.forced
      ? '--skip-nx-cache was given'
      : await reasonToRun(workspaceRoot, settings.storageRoot, part, candidate.fingerprint, wanted);
    if (reason === undefined) continue;
    pending.push(candidate);
    if (announce) context.say(`${context.options.parts.length > 1 ? `${part.name}: ` : ''}runs: ${reason}`);
  }
  return pending;
}
