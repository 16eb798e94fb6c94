// What the run of one cell is asked for, what its steps share, and how it may end: types that every step imports.
import type { DiskWatch } from '../store/disk.js';
import type { Journal } from '../records/journal.js';
import type { LockDirectory } from '../lease/directory/lock-directory.js';
import type { MachineIdentity, Versions } from '../records/identity.js';
import type { ResolvedRead } from '../records/reads.js';
import type { CellOptions } from '../../suite/model/cell.js';
import type { Schedule } from '../../suite/plan/schedule.js';
import type { SiteSettings } from '../../suite/settings/settings.js';

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

/** How a cell is run; handed to the steps that run another cell, which `runCell` itself calls. */
export type RunCell = (run: CellRun) => Promise<CellOutcome>;
