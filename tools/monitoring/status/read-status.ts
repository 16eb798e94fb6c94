// Finds what a status is made of: the plan, receipts and faults, the lock directory, the GPUs. Changes nothing.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { monotonicMs } from '../../base/clock.js';
import { readJobs } from '../../execution/engine/job-records.js';
import { openLockDirectory, type LockDirectory } from '../../execution/lease/directory/lock-directory.js';
import { lookOn } from '../../execution/lease/pass.js';
import { readPool } from '../../execution/lease/gpus/pool.js';
import type { LeaseRecord } from '../../execution/lease/directory/records.js';
import { readFaults } from '../../execution/records/last-fault.js';
import { outdatedReceipts } from '../../execution/records/outdated.js';
import { readReceipt } from '../../execution/records/receipt.js';
import { readProfiles } from '../../suite/memory/profiles.js';
import { requireGeneratedSuite, type GeneratedSuite } from '../../suite/nx/generated.js';
import { unitsOf } from '../../suite/plan/schedule.js';
import { loadSiteSettings } from '../../suite/settings/settings.js';
import type { MeasuredReceipt } from './cell-counts.js';
import type { LeaseFacts } from './holder.js';
import { holderFacts } from './liveness.js';
import { statusOf, type Status } from './status.js';

/** A receipt is written as its cell ends; a file that is younger by more was put there by Nx. */
const RESTORED_AFTER_MS = 5_000;

/** Which receipts are outdated, kept for `--watch`: telling it reads every result. */
export interface OutdatedCache {
  readAtMs: number;
  paths: ReadonlySet<string>;
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
  const generated = requireGeneratedSuite(workspaceRoot, suite);
  const settings = loadSiteSettings(workspaceRoot);
  const directory = openLockDirectory(settings.lockDirectory);
  const fresh = await outdated(workspaceRoot, generated, cache);
  const receipts = readReceipts(workspaceRoot, generated, fresh.paths);
  const faults = readFaults(workspaceRoot, generated.cells);
  // A broken nvidia-smi hides no cell: the look below says what is wrong with it.
  const pool = settings.engine === 'slurm' ? [] : await readPool(settings, directory).catch(() => []);
  const { leases, ...passed } = await lookOn(directory);
  const status = statusOf({
    suite,
    workspace: workspaceRoot,
    at: new Date().toISOString(),
    now: monotonicMs(),
    cells: generated.cells.map((cell) => ({
      ...cell,
      units: unitsOf(cell),
      receipts: cell.parts.map(({ receipt }) => receipt),
    })),
    receipts,
    sizes: new Map(
      [...readProfiles(workspaceRoot, suite, generated.cells)].map(([model, { activeGiB }]) => [
        model,
        activeGiB,
      ]),
    ),
    faults,
    passed,
    leases: leases.map((lease) => leaseFacts(directory, lease)),
    pool,
    jobs: readJobs(directory),
    settings,
  });
  return { status, cache: fresh };
}

export function leaseFacts(directory: LockDirectory, lease: LeaseRecord): LeaseFacts {
  const elapsedSeconds = Math.max(0, monotonicMs() - lease.grantedAtMs) / 1_000;
  return { lease, facts: holderFacts(directory, lease), elapsedSeconds };
}

async function outdated(
  workspaceRoot: string,
  { cells }: GeneratedSuite,
  cache: OutdatedCache | undefined,
): Promise<OutdatedCache> {
  const now = monotonicMs();
  if (cache !== undefined && now - cache.readAtMs < OUTDATED_AGE_MS) return cache;
  return { readAtMs: now, paths: new Set((await outdatedReceipts(workspaceRoot, cells)).keys()) };
}

function readReceipts(
  workspaceRoot: string,
  { cells }: GeneratedSuite,
  outdatedPaths: ReadonlySet<string>,
): ReadonlyMap<string, MeasuredReceipt> {
  const found = new Map<string, MeasuredReceipt>();
  for (const { receipt: path } of cells.flatMap(({ parts }) => parts)) {
    const receipt = readReceipt(join(workspaceRoot, path));
    const writtenMs = statSync(join(workspaceRoot, path), { throwIfNoEntry: false })?.mtimeMs;
    if (receipt === undefined || writtenMs === undefined) continue;
    const { endedAt, runSeconds, startSeconds } = receipt;
    const restored = writtenMs - Date.parse(endedAt) > RESTORED_AFTER_MS;
    found.set(path, { endedAt, runSeconds, startSeconds, restored, outdated: outdatedPaths.has(path) });
  }
  return found;
}
