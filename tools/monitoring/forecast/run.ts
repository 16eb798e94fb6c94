// The run of a plan on a host, by the simulator that runs the scheduler's own decisions: time, and disk at its peak. Pure.
import type { Measured } from '../../execution/lease/policy/durations.js';
import {
  simulate,
  type Beginning,
  type Simulated,
  type Simulation,
} from '../../execution/lease/policy/simulate.js';
import type { Strategy } from '../../execution/lease/policy/state.js';
import type { PlannedWeights } from '../../execution/store/disk-plan.js';
import { needsOf } from '../../execution/cell/lease-request.js';
import type { GeneratedCell } from '../../suite/nx/generated.js';
import { modelSize, storedGiB } from '../../suite/memory/memory.js';
import { knownSizes } from '../../suite/memory/facts-size.js';
import { plannedMemory, type Devices, type ModelProfile } from '../../suite/memory/memory-plan.js';
import { workOf } from '../../suite/plan/estimate.js';
import { basePriority } from '../../suite/plan/priority.js';
import type { SiteSettings } from '../../suite/settings/settings.js';
import type { CellProspect } from './prospects.js';

export interface Host {
  devices: Devices;
  cpuSlots: number;
  ramGiB: number;
  /** Infinity: not known. */
  freeDiskBytes: number;
  /** What stays free of it. */
  minFreeDiskBytes: number;
}

export interface Facts {
  cells: readonly GeneratedCell[];
  /** In the order of the cells. */
  states: readonly CellProspect[];
  profiles: ReadonlyMap<string, ModelProfile>;
  weights: readonly (PlannedWeights & { manifest: string })[];
  measured: Measured;
  settings: SiteSettings;
  host: Host;
}

export interface Forecast {
  gpuSeconds: number;
  makespanSeconds: number;
  /** No schedule is shorter. */
  boundSeconds: number;
  /** Weights that are there at first, and at most where there is room for all. */
  heldBytes: number;
  wantedBytes: number;
  /** At most on this disk: less than wanted where cells wait until weights go. */
  peakBytes: number;
  /** Cells that run. */
  cells: number;
  /** Of them, cells whose kind was measured on their model, and on another model. */
  measured: number;
  scaled: number;
  /** Cells that this disk has no room for, and those behind them. */
  withoutDisk: string[];
}

/** First as if the disk had room for all; once more with the disk as it is, where that is too little. */
export function forecast(facts: Facts): Forecast {
  const { host, weights } = facts;
  const heldBytes = weights.reduce((sum, { there, bytes }) => sum + (there ? bytes : 0), 0);
  const free = simulate(facts.cells, simulationOf(facts, Infinity));
  const short = free.peakDiskBytes - heldBytes + host.minFreeDiskBytes > host.freeDiskBytes;
  const run = short ? simulate(facts.cells, simulationOf(facts, host.freeDiskBytes)) : free;
  const open = facts.cells.filter((_, index) => facts.states[index]?.state === 'to run');
  const { seconds, rates } = facts.measured;
  const isMeasured = ({ model, kind }: GeneratedCell): boolean => `${model}/${kind}` in seconds;
  return {
    gpuSeconds: gpuSeconds(free),
    // What some cells have no room for takes as long as with room: the plan says what is missing.
    makespanSeconds: (run.unfinished.length > 0 ? free : run).makespanSeconds,
    boundSeconds: free.boundSeconds,
    heldBytes,
    wantedBytes: free.peakDiskBytes,
    peakBytes: run.peakDiskBytes,
    cells: open.length,
    measured: open.filter(isMeasured).length,
    scaled: open.filter((cell) => !isMeasured(cell) && rates[cell.kind] !== undefined).length,
    withoutDisk: run.unfinished,
  };
}

function gpuSeconds({ began }: Simulated): number {
  return began.reduce((sum, { seconds, gpus }) => sum + seconds * gpus.length, 0);
}

/** Drivers and the scheduler's margin keep some of a GPU: one of which cells can use so much has this in all. */
const totalOf = (usableGiB: number): number => usableGiB / 0.88;

function simulationOf(facts: Facts, diskBytes: number): Simulation {
  const { profiles, settings, host } = facts;
  const { devices } = host;
  const sizes = knownSizes(facts.cells, profiles);
  const copied = new Set(facts.weights.filter(({ hubCopy }) => hubCopy).map(({ model }) => model));
  return {
    host: {
      gpus: (devices.eachGiB ?? Array<number>(devices.count).fill(devices.usableGiB)).map(totalOf),
      ramGiB: host.ramGiB,
      diskBytes,
    },
    limits: {
      cpuSlots: host.cpuSlots,
      minFreeGiB: Math.min(settings.minFreeGiB, devices.usableGiB),
      requireIdle: settings.requireIdle,
      toleranceGiB: settings.memoryToleranceGiB,
      sharing: settings.sharing,
      strategy: settings.strategy satisfies Strategy,
      disk: { device: 'store', minFreeBytes: host.minFreeDiskBytes },
    },
    keep: settings.storageKeep,
    weightsGiB: (cell) => profiles.get(cell.model)?.weightsGiB ?? storedGiB(cell),
    activeGiB: (cell) => modelSize(cell, sizes.get(cell.model)).activeGiB,
    work: ({ parts, ...cell }, kind) =>
      workOf({ kind, parts }, modelSize(cell, sizes.get(cell.model)), devices.count === 0),
    needs: (cell) => needsOf(plannedMemory(cell, profiles.get(cell.model), settings, devices)),
    base: ({ kind, id }) => basePriority(kind, id.split(':')[0]?.split('.')[2] ?? ''),
    keepsCopy: ({ kind, model }) => kind === 'setup' && copied.has(model),
    beginning: beginningOf(facts),
  };
}

function beginningOf({ cells, states, weights, measured }: Facts): Partial<Beginning> {
  const inState = (wanted: CellProspect['state']): Set<string> =>
    new Set(states.filter(({ state }) => state === wanted).map(({ id }) => id));
  const madeAnew = new Set(
    cells.flatMap(({ parts }, index) =>
      parts
        .filter(({ name }) => states[index]?.parts.includes(name) === true)
        .flatMap(({ writes }) => writes.map(({ path }) => path)),
    ),
  );
  return {
    finished: inState('cached'),
    blocked: inState('blocked'),
    parts: new Map(states.map(({ id, parts }) => [id, parts])),
    // Weights that are made anew come beside those that are there: nobody deletes the old ones meanwhile.
    stored: new Map(
      weights
        .filter(({ there }) => there)
        .map(({ manifest, bytes }) => [madeAnew.has(manifest) ? `old ${manifest}` : manifest, bytes]),
    ),
    ...measured,
  };
}
