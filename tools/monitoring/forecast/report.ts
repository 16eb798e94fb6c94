// What is known of a run before it begins: cells by state, memory, what will not fit, time and disk on this host.
import { GIB } from '../../base/units.js';
import { hostRamGiB } from '../../host/host.js';
import { freeBytes, minFreeBytes, plannedWeights } from '../../execution/store/disk.js';
import { planDisk } from '../../execution/store/disk-plan.js';
import { readMachineIdentity } from '../../execution/records/identity.js';
import { poolDevices } from '../../execution/cell/lease-request.js';
import type { CellKind } from '../../suite/model/cell.js';
import { requireGeneratedSuite } from '../../suite/nx/generated.js';
import { loadSuite } from '../../suite/load/load.js';
import { memoryRows, type MemoryRow, type ModelProfile } from '../../suite/memory/memory-plan.js';
import { unfitReason, type HostMemory } from '../../suite/memory/unfit.js';
import { formatDiagnostic } from '../../suite/yaml/diagnostics.js';
import type { PlannedCell } from '../../suite/plan/planned.js';
import { readProfiles } from '../../suite/memory/profiles.js';
import { readRecord, requireRecorded } from '../../suite/nx/record.js';
import { loadSiteSettings, type SiteSettings } from '../../suite/settings/settings.js';
import { readMeasured } from './measured.js';
import { cellProspects, type CellProspect } from './prospects.js';
import { forecast, type Forecast, type Host } from './run.js';

export interface PlanReport {
  suite: string;
  cells: CellProspect[];
  /** Ids of cells that Nx's cache had, put into the workspace just now; null: it was not asked. */
  restored: string[] | null;
  byKind: Record<string, Record<CellProspect['state'], number>>;
  /** Where it runs: GPUs that are here, or that NUM_GPUS and GPU_MEMORY_GB name; none: the CPU. */
  host: { gpus: number; usableGiBPerGpu: number; cpuSlots: number; assumed: boolean };
  /**
   * `cells` run; of `measuredCells` of them it is known how long their kind took on their model, of `scaledCells` on another
   * model, whose times are taken in proportion to the sizes.
   */
  time: {
    gpuHours: number;
    hours: number;
    atLeastHours: number;
    cells: number;
    measuredCells: number;
    scaledCells: number;
  };
  disk: {
    /** At the peak, where there is room for all; and on this disk, where cells that write wait until weights go. */
    wantedGiB: number;
    peakGiB: number;
    /** Null for a host that is not here. */
    freeGiB: number | null;
    minFreeGiB: number;
    keep: SiteSettings['storageKeep'];
    path: string;
    /** Cells that there is no room for, and those behind them. */
    withoutDisk: string[];
    /** Models whose sizes are not known: theirs are those of their size classes. */
    byName: string[];
  };
  /** Of cells that are not finished. */
  memory: MemoryRow[];
  willNotFit: string[];
  /** What InvarLock will refuse, and the like. */
  warnings: string[];
}

/**
 * @param askCache puts into the workspace what Nx's cache has of the suite, and names those cells.
 * @throws Error when the suite has not been generated, or the environment asks for another than was.
 */
export async function planReport(
  workspaceRoot: string,
  suite: string,
  askCache?: () => Promise<ReadonlySet<string>>,
): Promise<PlanReport> {
  const settings = loadSiteSettings(workspaceRoot);
  requireRecorded(workspaceRoot, suite, process.env);
  const { cells } = requireGeneratedSuite(workspaceRoot, suite);
  const machine = await readMachineIdentity(workspaceRoot, settings);
  const host = hostOf(workspaceRoot, machine.pool, settings, cells);
  const { devices } = host;
  const badProfiles: string[] = [];
  const profiles = readProfiles(workspaceRoot, suite, cells, (sentence) => badProfiles.push(sentence));
  const unfit = unfitCells(cells, profiles, settings, host);
  const before = await cellProspects(workspaceRoot, cells, settings, machine, unfit);
  const answered = await askCache?.();
  const states =
    answered === undefined
      ? before
      : await cellProspects(workspaceRoot, cells, settings, machine, unfit, answered);
  const weights = plannedWeights(workspaceRoot, settings.storageRoot, cells);
  const cast = forecast({
    cells,
    states,
    profiles,
    weights,
    measured: readMeasured(workspaceRoot, {
      suite,
      cells,
      deviceClass: host.assumed ? '' : machine.deviceClass,
    }),
    settings,
    host,
  });
  return {
    suite,
    cells: states,
    restored: answered === undefined ? null : restoredOf(before, states),
    byKind: countByKind(cells, states),
    host: {
      gpus: devices.count,
      usableGiBPerGpu: devices.count > 0 ? devices.usableGiB : 0,
      cpuSlots: host.cpuSlots,
      assumed: host.assumed,
    },
    time: timeOf(cast),
    disk: diskOf(cast, host, settings, planDisk(weights, settings.storageKeep).byName),
    memory: memoryRows(unfinished(cells, states), profiles, settings, devices),
    willNotFit: [...unfit].map(([id, why]) => `${id} ${why}`),
    warnings: [...badProfiles, ...warningsOf(workspaceRoot, suite)],
  };
}

/** Finished now, and not before. */
function restoredOf(before: readonly CellProspect[], now: readonly CellProspect[]): string[] {
  return now.flatMap(({ id, state }, index) =>
    state === 'cached' && before[index]?.state !== 'cached' ? [id] : [],
  );
}

function unfinished(cells: readonly PlannedCell[], states: readonly CellProspect[]): PlannedCell[] {
  const cached = new Set(states.filter(({ state }) => state === 'cached').map(({ id }) => id));
  return cells.filter(({ id }) => !cached.has(id));
}

/** Cores that go with a GPU of a host that is not here. */
const CORES_PER_GPU = 8;

/** This machine; or one with the GPUs that NUM_GPUS names where there is none here, and memory and disk enough. */
function hostOf(
  workspaceRoot: string,
  pool: readonly { totalGiB: number }[],
  settings: SiteSettings,
  cells: readonly PlannedCell[],
): Host & { assumed: boolean } {
  const found = poolDevices(pool, settings);
  const assumed = found.count === 0 && settings.numGpus !== null && settings.numGpus > 0;
  const count = assumed ? (settings.numGpus ?? 0) : found.count;
  return {
    devices: { ...found, count },
    cpuSlots: assumed ? Math.max(settings.cpuSlots, CORES_PER_GPU * count) : settings.cpuSlots,
    ramGiB: assumed ? Infinity : hostRamGiB(),
    freeDiskBytes: assumed ? Infinity : freeBytes(workspaceRoot, settings.storageRoot),
    minFreeDiskBytes: minFreeBytes(settings, cells),
    assumed,
  };
}

/** Cells that this host can never run, with the reason. */
function unfitCells(
  cells: readonly PlannedCell[],
  profiles: ReadonlyMap<string, ModelProfile>,
  settings: SiteSettings,
  host: HostMemory,
): Map<string, string> {
  return new Map(
    cells.flatMap((cell): [string, string][] => {
      const why = unfitReason(cell, profiles.get(cell.model), settings, host);
      return why === undefined ? [] : [[cell.id, why]];
    }),
  );
}

function countByKind(cells: readonly PlannedCell[], states: readonly CellProspect[]): PlanReport['byKind'] {
  const counts: PlanReport['byKind'] = {};
  for (const [index, { kind }] of cells.entries()) {
    const row = (counts[kind satisfies CellKind] ??= { cached: 0, 'to run': 0, blocked: 0 });
    const state = states[index]?.state;
    if (state !== undefined) row[state] += 1;
  }
  return counts;
}

const HOUR = 3600;

function timeOf({
  gpuSeconds,
  makespanSeconds,
  boundSeconds,
  cells,
  measured,
  scaled,
}: Forecast): PlanReport['time'] {
  return {
    gpuHours: gpuSeconds / HOUR,
    hours: makespanSeconds / HOUR,
    atLeastHours: boundSeconds / HOUR,
    cells,
    measuredCells: measured,
    scaledCells: scaled,
  };
}

function diskOf(cast: Forecast, host: Host, settings: SiteSettings, byName: string[]): PlanReport['disk'] {
  return {
    wantedGiB: cast.wantedBytes / GIB,
    peakGiB: cast.peakBytes / GIB,
    freeGiB: Number.isFinite(host.freeDiskBytes) ? host.freeDiskBytes / GIB : null,
    minFreeGiB: host.minFreeDiskBytes / GIB,
    keep: settings.storageKeep,
    path: settings.storageRoot,
    withoutDisk: cast.withoutDisk,
    byName,
  };
}

function warningsOf(workspaceRoot: string, suite: string): string[] {
  const loaded = loadSuite(workspaceRoot, suite, readRecord(workspaceRoot, suite).identity);
  const diagnostics = loaded.ok ? loaded.value.warnings : loaded.error;
  return diagnostics.map(
    (diagnostic) => `${loaded.ok ? 'InvarLock will refuse: ' : ''}${formatDiagnostic(diagnostic)}`,
  );
}
