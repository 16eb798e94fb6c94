// The context of a cell's run: what is asked for, and what all its steps share (settings, machine, inputs, records).
import { GIB } from '../../base/units.js';
import { Fault } from '../../base/fault.js';
import type { Log } from '../../base/text/live-lines.js';
import { fail, ok, type Result } from '../../base/result.js';
import { openLockDirectory, type LockDirectory } from '../lease/directory/lock-directory.js';
import { cpuPool } from '../engine/slurm/pools.js';
import { untilCut } from '../lease/deadline.js';
import { untilAnswered } from '../lease/gpus/until-answered.js';
import { readMachineIdentity, versionsOf, type MachineIdentity, type Versions } from '../records/identity.js';
import { Journal } from '../records/journal.js';
import type { PendingPart } from '../records/pending-part.js';
import { resolveReads, type ResolvedRead } from '../records/reads.js';
import type { DiskWatch } from '../store/disk.js';
import { minFreeDiskGiB } from '../store/disk-plan.js';
import { runsOnAccelerator } from '../../suite/memory/memory.js';
import type { CellOptions } from '../../suite/model/cell.js';
import { requireRecorded } from '../../suite/nx/record.js';
import { suiteOf } from '../../suite/plan/planned.js';
import type { Schedule } from '../../suite/plan/schedule.js';
import { loadSiteSettings, type SiteSettings } from '../../suite/settings/settings.js';
import { caught, faultOfRead, type CellFailure } from './failure.js';
import type { Retries } from './retry/adjustment.js';

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
  log: Log;
  /** Set in a job on another host, which makes one pass for its head. */
  job?: InJob;
}

export interface InJob {
  /** Names the submission among all of its cell. */
  submission: string;
  id: string;
  node: string;
  /** Since it was submitted. */
  waitedSeconds: number;
  /** What results are to come from, as the head has it in the fingerprint. */
  deviceClass: string;
  /** What its earlier attempts left. */
  retries: Retries;
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

/** How a cell ends well. */
export type CellOutcome =
  /** Its receipts stand: nothing ran. */
  | 'reused'
  /** Parts of it were made. */
  | 'ran';

/** How one pass of a cell ends well. */
export type PassEnd =
  /** These parts were made; others are left where there was no disk for all. */
  | { end: 'made'; parts: readonly PendingPart[] }
  /** Another run made all that was left while this one waited. */
  | { end: 'made elsewhere' }
  /** Weights it reads were evicted between the look at them and the lease. */
  | { end: 'weights evicted' };

/** Whether it computes in a job elsewhere. Downloads run beside nx, where the network is, and so does all that needs no GPU where the site names no pool for it. */
export function isRemote({ settings, options, job }: CellContext): boolean {
  const { kind } = options;
  if (settings.engine === 'local' || job !== undefined || kind === 'data' || kind === 'setup') return false;
  return runsOnAccelerator(options) || cpuPool(settings) !== undefined;
}

/** How a cell is run; handed to the steps that run another cell, which `runCell` itself calls. */
export type RunCell = (run: CellRun) => Promise<Result<CellOutcome, CellFailure>>;

export async function openCell(run: CellRun): Promise<Result<CellContext, Fault>> {
  // Settings, lock directory, nvidia-smi: their sentences say what to mend.
  const opened = await caught(() => open(run), 'environment');
  return opened.ok ? withInputs(opened.value) : opened;
}

/** The same with its inputs as they are now. */
export async function withInputs(context: CellContext): Promise<Result<CellContext, Fault>> {
  const { workspaceRoot, settings, options } = context;
  const reads = await resolveReads(workspaceRoot, settings.storageRoot, options.reads);
  return reads.ok ? ok({ ...context, reads: reads.value }) : fail(faultOfRead(reads.error));
}

/** A cell without a GPU asks nobody for one; every other waits until nvidia-smi answers. */
async function machineOf(
  { workspaceRoot, options, log, signal }: CellRun,
  settings: SiteSettings,
): Promise<MachineIdentity> {
  if (!runsOnAccelerator(options))
    return readMachineIdentity(workspaceRoot, { ...settings, accelerator: 'cpu' });
  try {
    return await untilAnswered(() => readMachineIdentity(workspaceRoot, settings), { log, signal });
  } catch (error) {
    throw signal.aborted ? new Fault('cancelled', 'cancelled while nvidia-smi did not answer') : error;
  }
}

const OTHER_CLASS =
  'A run has one class of device: narrow slurm.pools in workspace-config/site.yaml (constraint, gpu_type), then: npx nx run <suite>:doctor --engine.';

async function open(run: CellRun): Promise<CellContext> {
  const { workspaceRoot, project, options, schedule } = run;
  const suite = suiteOf(project);
  const site = loadSiteSettings(workspaceRoot);
  // The end of the head's host is not that of a job's.
  const settings = run.job === undefined ? site : { ...site, deadline: null };
  // Also here: Nx's daemon hashes in an environment of its own.
  requireRecorded(workspaceRoot, suite, process.env);
  const machine = await machineOf(run, settings);
  const deviceClass = runsOnAccelerator(options) ? machine.deviceClass : 'cpu';
  if (run.job !== undefined && run.job.deviceClass !== deviceClass) {
    const { node, deviceClass: wanted } = run.job;
    throw new Fault(
      'environment',
      `${node} computes on ${deviceClass}, and the run on ${wanted}`,
      OTHER_CLASS,
    );
  }
  const minFreeBytes = minFreeDiskGiB(settings.minFreeDiskGiB, schedule.suiteGiB) * GIB;
  return {
    ...run,
    signal: untilCut(settings, run.signal),
    cell: `${project}:${run.target}`,
    settings,
    directory: openLockDirectory(settings.lockDirectory),
    machine,
    deviceClass,
    versions: versionsOf(options.kind, machine.versions),
    reads: [],
    journal: new Journal(workspaceRoot, suite, run.job !== undefined),
    disk: { workspaceRoot, suite, settings, minFreeBytes },
  };
}
