// What is known of a run before it begins: cells by state, memory, what will not fit, time and disk on this host.
import { GIB } from '../base/units.js';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { usableGiB } from '../lease/fit.js';
import { freeDiskBytes } from '../lease/host.js';
import { sizeBoost } from '../lease/priority.js';
import { readMachineIdentity } from '../runner/identity.js';
import { readReceipt } from '../runner/receipt.js';
import type { CellKind } from '../suite/cell.js';
import { estimatedSeconds } from '../suite/estimate.js';
import { requireGeneratedSuite } from '../suite/generated.js';
import { loadSuite } from '../suite/load.js';
import { weightsGiB } from '../suite/memory.js';
import {
  memoryNeed,
  memoryRows,
  perDeviceGiB,
  place,
  type Devices,
  type MemoryRow,
  type ModelProfile,
} from '../suite/memory-plan.js';
import { formatMistake } from '../suite/mistakes.js';
import { isFromHub, makersFor, makersOf, type PlannedCell } from '../suite/planned.js';
import { basePriority } from '../suite/priority.js';
import { readProfiles } from '../suite/profiles.js';
import { readRecord, requireRecorded } from '../suite/record.js';
import { loadSiteSettings, type SiteSettings } from '../suite/settings.js';
import { cellStates, type CellState } from './cell-states.js';
import { forecast, type Forecast, type Work } from './schedule.js';

export interface PlanReport {
  suite: string;
  cells: CellState[];
  byKind: Record<string, Record<CellState['state'], number>>;
  /** Where it runs: GPUs that are here, or that NUM_GPUS and GPU_MEMORY_GB name; none: the CPU. */
  host: { gpus: number; usableGiBPerGpu: number; cpuSlots: number; assumed: boolean };
  time: { gpuHours: number; hours: number; atLeastHours: number };
  disk: {
    peakGiB: number;
    freeGiB: number;
    minFreeGiB: number;
    keep: SiteSettings['storageKeep'];
    path: string;
    enough: boolean;
  };
  memory: MemoryRow[];
  willNotFit: string[];
  /** What InvarLock will refuse, and the like. */
  warnings: string[];
}

/** @throws Error when the suite has not been generated, or the environment asks for another than was. */
export async function planReport(workspaceRoot: string, suite: string): Promise<PlanReport> {
  const settings = loadSiteSettings(workspaceRoot);
  requireRecorded(workspaceRoot, suite, process.env);
  const { cells } = requireGeneratedSuite(workspaceRoot, suite);
  const machine = await readMachineIdentity(workspaceRoot, settings);
  const smallest = Math.min(...machine.pool.map(({ totalGiB }) => totalGiB));
  const assumed = machine.pool.length === 0 && settings.numGpus !== null && settings.numGpus > 0;
  const devices: Devices = {
    count: assumed ? (settings.numGpus ?? 0) : machine.pool.length,
    usableGiB: perDeviceGiB(settings, Number.isFinite(smallest) ? usableGiB(smallest) : undefined),
  };
  const badProfiles: string[] = [];
  const profiles = readProfiles(workspaceRoot, suite, cells, (sentence) => badProfiles.push(sentence));
  const unfit = unfitCells(cells, profiles, settings, devices);
  const states = await cellStates(workspaceRoot, cells, settings, machine, unfit);
  const works = worksOf(workspaceRoot, cells, states, profiles, settings, devices);
  const held = heldBytes(cells, states, profiles);
  const host = { gpus: devices.count, cpuSlots: settings.cpuSlots, keep: settings.storageKeep };
  const cast = forecast(works, host, held);
  return {
    suite,
    cells: states,
    byKind: countByKind(cells, states),
    host: {
      gpus: devices.count,
      usableGiBPerGpu: devices.count > 0 ? devices.usableGiB : 0,
      cpuSlots: settings.cpuSlots,
      assumed,
    },
    time: timeOf(cast),
    disk: diskOf(cast, held, settings),
    memory: memoryRows(cells, profiles, settings, devices),
    willNotFit: [...unfit].map(([id, why]) => `${id} ${why}`),
    warnings: [...badProfiles, ...warningsOf(workspaceRoot, suite)],
  };
}

/** Cells that this host can never run, with the reason. */
function unfitCells(
  cells: readonly PlannedCell[],
  profiles: ReadonlyMap<string, ModelProfile>,
  settings: SiteSettings,
  devices: Devices,
): Map<string, string> {
  const ram = totalmem() / GIB;
  return new Map(
    cells.flatMap((cell): [string, string][] => {
      const need = memoryNeed(cell, profiles.get(cell.model), settings);
      if (need.device === 'gpu' && devices.count > 0) {
        const placed = place(need, devices, settings);
        return placed.fits ? [] : [[cell.id, placed.why]];
      }
      const wanted = need.hostGiB;
      if (wanted <= ram) return [];
      const sentence = `needs ${wanted.toFixed(1)} GiB of host memory, and there are ${ram.toFixed(1)}`;
      return [[cell.id, sentence]];
    }),
  );
}

function worksOf(
  workspaceRoot: string,
  cells: readonly PlannedCell[],
  states: readonly CellState[],
  profiles: ReadonlyMap<string, ModelProfile>,
  settings: SiteSettings,
  devices: Devices,
): Work[] {
  const makers = makersOf(cells);
  const measured = measuredSeconds(workspaceRoot, cells);
  const running = new Map(states.filter(({ state }) => state === 'to run').map((state) => [state.id, state]));
  return cells.flatMap((cell) => {
    const state = running.get(cell.id);
    if (state === undefined) return [];
    const weights = modelGiB(cell, profiles);
    const parts = cell.parts.filter(({ name }) => state.parts.includes(name));
    const need = memoryNeed(cell, profiles.get(cell.model), settings);
    const seconds = measured.get(`${cell.model}/${cell.kind}`) ?? estimatedSeconds(cell.kind, weights);
    return [
      {
        id: cell.id,
        model: cell.model,
        seconds: cell.kind === 'edit' ? seconds * parts.length : seconds,
        gpus: need.device === 'host' || devices.count === 0 ? 0 : place(need, devices, settings).gpus,
        // Small models first, as the scheduler has it by default.
        priority: basePriority(cell.kind, cell.id.split(':')[0]?.split('.')[2] ?? '') + sizeBoost(weights),
        after: makersFor(cell, makers).map(({ id }) => id),
        makes: parts
          .filter(({ link }) => link !== undefined)
          .map(({ writes }) => ({
            entry: writes[0]?.path ?? '',
            // A hub model is downloaded into the hub's cache first.
            bytes: weights * GIB * (cell.parts.some(isFromHub) ? 2 : 1),
            baseline: cell.kind === 'setup',
          })),
        reads: cell.reads.filter(({ as }) => as === 'weights').map(({ path }) => path),
      },
    ];
  });
}

function modelGiB({ model, sizeClass }: PlannedCell, profiles: ReadonlyMap<string, ModelProfile>): number {
  return profiles.get(model)?.weightsGiB ?? weightsGiB(sizeClass);
}

/** Mean seconds of finished cells, by model and kind; of an edit, of one part. */
function measuredSeconds(workspaceRoot: string, cells: readonly PlannedCell[]): ReadonlyMap<string, number> {
  const sums = new Map<string, { seconds: number; count: number }>();
  for (const { model, kind, parts } of cells) {
    for (const { receipt } of parts) {
      const seconds = readReceipt(join(workspaceRoot, receipt))?.runSeconds;
      if (seconds === undefined) continue;
      const sum = sums.get(`${model}/${kind}`) ?? { seconds: 0, count: 0 };
      sums.set(`${model}/${kind}`, { seconds: sum.seconds + seconds / parts.length, count: sum.count + 1 });
    }
  }
  return new Map([...sums].map(([key, { seconds, count }]) => [key, seconds / count]));
}

/** Weights that are there already and stay. */
function heldBytes(
  cells: readonly PlannedCell[],
  states: readonly CellState[],
  profiles: ReadonlyMap<string, ModelProfile>,
): number {
  return cells.reduce((sum, cell, index) => {
    const anew = states[index]?.parts ?? [];
    const there = cell.parts.filter(({ name, link }) => link !== undefined && !anew.includes(name)).length;
    return sum + there * modelGiB(cell, profiles) * GIB;
  }, 0);
}

function countByKind(cells: readonly PlannedCell[], states: readonly CellState[]): PlanReport['byKind'] {
  const counts: PlanReport['byKind'] = {};
  for (const [index, { kind }] of cells.entries()) {
    const row = (counts[kind satisfies CellKind] ??= { cached: 0, 'to run': 0, blocked: 0 });
    const state = states[index]?.state;
    if (state !== undefined) row[state] += 1;
  }
  return counts;
}

const HOUR = 3600;

function timeOf({ gpuSeconds, makespanSeconds, boundSeconds }: Forecast): PlanReport['time'] {
  return { gpuHours: gpuSeconds / HOUR, hours: makespanSeconds / HOUR, atLeastHours: boundSeconds / HOUR };
}

function diskOf({ peakBytes }: Forecast, held: number, settings: SiteSettings): PlanReport['disk'] {
  const path = settings.storageRoot;
  const freeGiB = freeDiskBytes(path) / GIB;
  const peakGiB = peakBytes / GIB;
  const minFreeGiB = settings.minFreeDiskGiB === 'auto' ? Math.min(200, peakGiB) : settings.minFreeDiskGiB;
  const enough = peakGiB - held / GIB + minFreeGiB <= freeGiB;
  return { peakGiB, freeGiB, minFreeGiB, keep: settings.storageKeep, path, enough };
}

function warningsOf(workspaceRoot: string, suite: string): string[] {
  const loaded = loadSuite(workspaceRoot, suite, readRecord(workspaceRoot, suite).identity);
  const mistakes = loaded.ok ? loaded.value.warnings : loaded.error;
  return mistakes.map((mistake) => `${loaded.ok ? 'InvarLock will refuse: ' : ''}${formatMistake(mistake)}`);
}
