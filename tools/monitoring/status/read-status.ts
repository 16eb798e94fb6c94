// Finds what a status is made of: the plan, receipts and faults, the lock directory, the GPUs. Changes nothing.
import { monotonicMs } from '../../base/clock.js';
import { readJobs } from '../../execution/engine/job-records.js';
import { openLockDirectory, type LockDirectory } from '../../execution/lease/directory/lock-directory.js';
import { lookOn } from '../../execution/lease/pass.js';
import { readPool } from '../../execution/lease/gpus/pool.js';
import type { LeaseRecord } from '../../execution/lease/directory/records.js';
import type { Outdated } from '../../execution/records/outdated.js';
import { readStanding } from '../../execution/records/standing.js';
import { modelSize } from '../../suite/memory/memory.js';
import { knownSizes } from '../../suite/memory/facts-size.js';
import { readProfiles } from '../../suite/memory/profiles.js';
import { requireGeneratedSuite } from '../../suite/nx/generated.js';
import { workOf } from '../../suite/plan/estimate.js';
import { unitsOf } from '../../suite/plan/schedule.js';
import { loadSiteSettings } from '../../suite/settings/settings.js';
import type { LeaseFacts } from './holder.js';
import { holderFacts } from './liveness.js';
import { statusOf, type Status } from './status.js';

/** Which receipts are outdated, kept for `--watch`: telling it reads every result. */
export interface OutdatedCache {
  readAtMs: number;
  found: ReadonlyMap<string, Outdated>;
}

const OUTDATED_AGE_MS = 15_000;

/**
 * The status of a suite now.
 *
 * @throws Error when the suite has no projects, or the settings or the lock directory cannot be used.
 */
export async function readStatus(
  workspaceRoot: string,
  suite: string,
  cache?: OutdatedCache,
): Promise<{ status: Status; cache: OutdatedCache }> {
  const { cells } = requireGeneratedSuite(workspaceRoot, suite);
  const settings = loadSiteSettings(workspaceRoot);
  const directory = openLockDirectory(settings.lockDirectory);
  const now = monotonicMs();
  const kept = cache !== undefined && now - cache.readAtMs < OUTDATED_AGE_MS ? cache : undefined;
  const { receipts, faults, outdated } = await readStanding(workspaceRoot, cells, kept?.found);
  // A broken nvidia-smi hides no cell: the look below says what is wrong with it.
  const pool = settings.engine === 'slurm' ? [] : await readPool(settings, directory).catch(() => []);
  const { leases, ...passed } = await lookOn(directory);
  const sizes = knownSizes(cells, readProfiles(workspaceRoot, suite, cells));
  const status = statusOf({
    suite,
    workspace: workspaceRoot,
    at: new Date().toISOString(),
    now: monotonicMs(),
    cells: cells.map((cell) => ({
      ...cell,
      units: unitsOf(cell),
      work: workOf(cell, modelSize(cell, sizes.get(cell.model)), pool.length === 0),
      receipts: cell.parts.map(({ receipt }) => receipt),
    })),
    receipts,
    sizes: new Map([...sizes].map(([model, { activeGiB }]) => [model, activeGiB])),
    faults,
    passed,
    leases: leases.map((lease) => leaseFacts(directory, lease)),
    pool,
    jobs: readJobs(directory),
    settings,
  });
  return { status, cache: kept ?? { readAtMs: now, found: outdated } };
}

export function leaseFacts(directory: LockDirectory, lease: LeaseRecord): LeaseFacts {
  const elapsedSeconds = Math.max(0, monotonicMs() - lease.grantedAtMs) / 1_000;
  return { lease, facts: holderFacts(directory, lease), elapsedSeconds };
}
