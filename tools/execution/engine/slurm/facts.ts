// What the engine `slurm` is told of the workspace and the site it works for.
import type { SlurmPool } from '../../../suite/settings/site-table.js';
import type { LockDirectory } from '../../lease/directory/lock-directory.js';
import type { Asked, Pool } from '../engine.js';
import type { SlurmSettings } from './submission.js';

export interface SlurmFacts {
  workspace: string;
  directory: LockDirectory;
  settings: SlurmSettings;
  /** What is known of the pools. */
  pools: readonly Pool[];
  /** The pool a job of these needs goes to. */
  poolFor: (needs: Asked['needs']) => SlurmPool;
  /** The program that a job runs, with its directory as its one argument. */
  entry: string;
  /** A job began to wait or to run: a line about it. */
  onChange: (line: string) => void;
}
