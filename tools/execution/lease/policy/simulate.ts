// The simulation of a plan: the real `grant` in simulated time tells how long a host would take, and how much disk at most.
import { longestChainSeconds } from '../../../suite/plan/longest-chain.js';
import type { CellKind } from '../../../suite/model/cell.js';
import type { Keep } from '../../../suite/model/keep.js';
import { NO_PLACE, places, unitsOf, type Place, type ScheduledCell } from '../../../suite/plan/schedule.js';
import { unitSeconds, type Rates } from './durations.js';
import { unpromisedGiB } from './fit.js';
import { grant, STANDSTILL_MS } from './grant.js';
import { Weights } from './simulated-weights.js';
import type { Grant, Gpu, Lease, Limits, Needs, Progress, Ticket } from './state.js';
import { GIB } from '../../../base/units.js';

export interface SimulatedHost {
  /** GiB of each GPU. */
  gpus: readonly number[];
  ramGiB: number;
  /** Free for weights, beside those that are there. */
  diskBytes: number;
}

/** What is there before the run begins; by default nothing. */
export interface Beginning {
  /** Cells that do not run again. */
  finished: ReadonlySet<string>;
  /** Cells that cannot run. */
  blocked: ReadonlySet<string>;
  /** Names of the parts that a batch has still to make; other batches make all. */
  parts: ReadonlyMap<string, readonly string[]>;
  /** Bytes of weights in the store, by manifest. */
  stored: ReadonlyMap<string, number>;
  /** Median seconds of a unit by `model/kind`; others are estimated. */
  seconds: Progress['seconds'];
  /** By kind, of models that were measured: for the others. */
  rates: Rates;
  /** The host has no GPU: estimates are of a core. */
  onCpu: boolean;
}

export interface Simulation {
  host: SimulatedHost;
  /** Everything but the pool, which is all of the host's GPUs. */
  limits: Omit<Limits, 'gpus'>;
  keep: Keep;
  weightsGiB: (cell: ScheduledCell) => number;
  /** What its time goes with; its weights if not said. */
  activeGiB?: (cell: ScheduledCell) => number;
  /** Of a kind on the cell's model, as `workOf` has it; without, no other model tells. */
  work?: (cell: ScheduledCell, kind: CellKind) => number;
  needs: (cell: ScheduledCell) => Omit<Needs, 'writes'>;
  base: (cell: ScheduledCell) => number;
  /** Seconds a unit of the cell really takes, where that is not as measured or estimated. */
  unitSeconds?: (cell: ScheduledCell) => number;
  /** Of a download, another cache on the same disk keeps a copy. */
  keepsCopy?: (cell: ScheduledCell) => boolean;
  beginning?: Partial<Beginning>;
}

export interface Simulated {
  makespanSeconds: number;
  /** The work over the GPUs or over the slots, or the longest path: no schedule is shorter. */
  boundSeconds: number;
  peakDiskBytes: number;
  /** Cells in the order they began, with the GPUs they had. */
  began: { cell: string; atSeconds: number; seconds: number; gpus: string[] }[];
  /** Cells that were refused for lack of disk, and those behind them. */
  unfinished: string[];
}

/** There is one run. */
const RUN = '';

interface Running extends Lease {
  endMs: number;
  granted: Grant;
}

/** The plan from its first cell to its last, with `grant` asked at every start and end. */
export function simulate(cells: readonly ScheduledCell[], simulation: Simulation): Simulated {
  const run = new Run(cells, simulation);
  while (run.step());
  return run.result();
}

class Run {
  readonly #byId: ReadonlyMap<string, ScheduledCell>;
  readonly #hints: ReadonlyMap<string, Place>;
  readonly #beginning: Beginning;
  readonly #waiting = new Map<string, Ticket>();
  readonly #finished: Set<string>;
  readonly #began: Simulated['began'] = [];
  readonly #weights: Weights;
  readonly #totals = new Map<string, number>();
  #pending: ScheduledCell[];
  #running: Running[] = [];
  #now = 0;
  #idleSinceMs: number | null = 0;

  constructor(
    cells: readonly ScheduledCell[],
    private readonly simulation: Simulation,
  ) {
    const nothing = {
      finished: new Set(),
      blocked: new Set(),
      parts: new Map(),
      stored: new Map(),
      seconds: {},
      rates: {},
      onCpu: simulation.host.gpus.length === 0,
    };
    this.#beginning = { ...nothing, ...simulation.beginning } as Beginning;
    this.#byId = new Map(cells.map((cell) => [cell.id, cell]));
    this.#hints = places(cells);
    this.#finished = new Set(this.#beginning.finished);
    this.#pending = cells.filter(({ id }) => !this.#finished.has(id) && !this.#beginning.blocked.has(id));
    this.#weights = new Weights(cells, simulation.keep, this.#beginning.stored);
    this.#queueReady();
  }

  /** Grant at this moment, then go to the next; false when nothing is left that could happen. */
  step(): boolean {
    const decision = grant(this.#state(), this.#now);
    for (const one of decision.grants) this.#start(one);
    for (const { ticket } of decision.refusals) this.#waiting.delete(ticket.cell);
    if (this.#running.length > 0) {
      this.#finishNext();
      return true;
    }
    if (this.#waiting.size === 0) return false;
    // Nothing runs and nothing was granted: only a standstill changes that.
    if (decision.refusals.length === 0) this.#now += STANDSTILL_MS;
    return (
      decision.refusals.length > 0 ||
      this.#idleSinceMs === null ||
      this.#now - this.#idleSinceMs <= 4 * STANDSTILL_MS
    );
  }

  result(): Simulated {
    const { blocked } = this.#beginning;
    return {
      makespanSeconds: Math.max(0, ...this.#began.map(({ atSeconds, seconds }) => atSeconds + seconds)),
      boundSeconds: this.#boundSeconds(),
      peakDiskBytes: this.#weights.peakBytes,
      began: this.#began,
      unfinished: [...this.#byId.keys()].filter((id) => !this.#finished.has(id) && !blocked.has(id)),
    };
  }

  #boundSeconds(): number {
    const { finished, blocked } = this.#beginning;
    const { host, limits, needs } = this.simulation;
    const steps = [...this.#byId.values()]
      .filter(({ id }) => !finished.has(id) && !blocked.has(id))
      .map((cell) => ({
        id: cell.id,
        seconds: this.#unitsLeft(cell) * this.#unitSeconds(cell, cell.kind),
        after: cell.dependsOn,
        ...needs(cell),
      }));
    const onGpus = steps.reduce((sum, { seconds, gpus }) => sum + seconds * gpus, 0);
    const onSlots = steps.reduce((sum, { seconds, cpuSlots }) => sum + seconds * cpuSlots, 0);
    return Math.max(
      onGpus / Math.max(1, host.gpus.length),
      onSlots / limits.cpuSlots,
      longestChainSeconds(steps),
    );
  }

  #unitsLeft(cell: ScheduledCell): number {
    return this.#weights.makes(cell) ? this.#partsOf(cell).length : unitsOf(cell);
  }

  #partsOf({ id, parts }: ScheduledCell): readonly string[] {
    return this.#beginning.parts.get(id) ?? parts.map(({ name }) => name);
  }

  #unitSeconds(cell: ScheduledCell, kind: CellKind): number {
    if (kind === cell.kind && this.simulation.unitSeconds) return this.simulation.unitSeconds(cell);
    const { activeGiB, weightsGiB, work } = this.simulation;
    const standing = {
      model: cell.model,
      weightsGiB: (activeGiB ?? weightsGiB)(cell),
      ...(work === undefined ? {} : { work: work(cell, kind) }),
    };
    return unitSeconds(kind, standing, this.#beginning);
  }

  #state() {
    const { host } = this.simulation;
    const gpus = host.gpus.map((totalGiB, index): Gpu => {
      const on = this.#running.filter((lease) => lease.gpus.includes(`GPU-${index}`));
      const usedByLease = Object.fromEntries(on.map(({ id, gibPerGpu }) => [id, gibPerGpu]));
      const idle: Gpu = {
        uuid: `GPU-${index}`,
        index,
        totalGiB,
        freeGiB: totalGiB * 0.98,
        busy: false,
        usedByLease: {},
      };
      return { ...idle, freeGiB: unpromisedGiB(idle, on), usedByLease };
    });
    return {
      host: {
        gpus,
        ramGiB: host.ramGiB,
        freeDiskBytes: { [this.#device]: host.diskBytes - this.#weights.addedBytes },
      },
      leases: this.#running,
      tickets: [...this.#waiting.values()],
      progress: { [RUN]: this.#progress() },
      idleSinceMs: this.#idleSinceMs,
    };
  }

  #progress(): Progress {
    const done: Record<string, number> = {};
    for (const id of this.#finished) {
      const { model } = this.#cell(id);
      done[model] = (done[model] ?? 0) + 1;
    }
    return { done, total: Object.fromEntries(this.#totals), seconds: this.#beginning.seconds };
  }

  get #device(): string {
    return this.simulation.limits.disk.device;
  }

  #queueReady(): void {
    // What is no cell, such as the Python environment, is there.
    const isOver = (id: string): boolean => this.#finished.has(id) || !this.#byId.has(id);
    const ready = this.#pending.filter(({ dependsOn }) => dependsOn.every(isOver));
    if (ready.length === 0) return;
    this.#pending = this.#pending.filter((cell) => !ready.includes(cell));
    for (const cell of ready) this.#queue(cell, this.#partsOf(cell), this.#now, 0);
  }

  #queue(cell: ScheduledCell, parts: readonly string[], queuedAtMs: number, droppableBytes: number): void {
    const { needs, limits, base, weightsGiB, host } = this.simulation;
    const bytes = weightsGiB(cell) * GIB;
    const written = this.#weights.makes(cell) ? parts : this.#weights.missingFor(cell);
    const hint = this.#hints.get(cell.id) ?? NO_PLACE;
    this.#totals.set(cell.model, hint.cellsOfModel);
    this.#waiting.set(cell.id, {
      id: cell.id,
      key: cell.id,
      cell: cell.id,
      run: RUN,
      standing: {
        suite: '',
        model: cell.model,
        kind: cell.kind,
        base: base(cell),
        weightsGiB: weightsGiB(cell),
        ...hint,
      },
      needs: { ...needs(cell), writes: written.map((part) => ({ part, bytes })) },
      limits: { ...limits, gpus: host.gpus.map((_, index) => `GPU-${index}`) },
      queuedAtMs,
      notBeforeMs: 0,
      droppableBytes: this.simulation.keep === 'all' ? 0 : droppableBytes,
    });
  }

  #start(granted: Grant): void {
    const { ticket } = granted;
    const cell = this.#cell(ticket.cell);
    this.#waiting.delete(cell.id);
    if (granted.evict) this.#weights.evict(cell, granted.parts);
    const makes = this.#weights.makes(cell);
    const units = makes ? granted.parts.length : unitsOf(cell);
    const rebuilt = makes ? [] : granted.parts.map((path) => this.#weights.makerOf(path) ?? 'edit');
    const seconds =
      units * this.#unitSeconds(cell, cell.kind) +
      rebuilt.reduce((sum, kind) => sum + this.#unitSeconds(cell, kind), 0);
    if (makes && this.simulation.keepsCopy?.(cell) === true) this.#weights.keepCopy(granted.diskBytes);
    this.#began.push({ cell: cell.id, atSeconds: this.#now / 1_000, seconds, gpus: granted.gpus });
    this.#running.push({
      id: ticket.id,
      key: ticket.key,
      cell: ticket.cell,
      run: RUN,
      model: cell.model,
      kind: cell.kind,
      gpus: granted.gpus,
      gibPerGpu: ticket.needs.gibPerGpu,
      cpuSlots: granted.cpuSlots,
      ramGiB: granted.ramGiB,
      diskBytes: granted.diskBytes,
      diskDevice: this.#device,
      sharing: ticket.limits.sharing,
      units,
      grantedAtMs: this.#now,
      seconds: granted.seconds,
      endMs: this.#now + seconds * 1_000,
      granted,
    });
    this.#idleSinceMs = null;
    this.#weights.note(this.#running.reduce((sum, { diskBytes }) => sum + diskBytes, 0));
  }

  #finishNext(): void {
    this.#now = Math.min(...this.#running.map(({ endMs }) => endMs));
    const ended = this.#running.filter(({ endMs }) => endMs <= this.#now);
    this.#running = this.#running.filter(({ endMs }) => endMs > this.#now);
    for (const { granted } of ended) this.#finish(granted);
    if (this.#running.length === 0) this.#idleSinceMs = this.#now;
    this.#queueReady();
  }

  #finish({ ticket, parts, diskBytes }: Grant): void {
    const cell = this.#cell(ticket.cell);
    const each = parts.length > 0 ? diskBytes / parts.length : 0;
    if (this.#weights.makes(cell))
      for (const part of parts) this.#weights.store(this.#weights.variantOf(cell, part), each);
    else {
      for (const variant of parts) this.#weights.store(variant, each);
      if (parts.length > 0) this.#withoutRebuilt(parts);
    }
    const rest = this.#weights.makes(cell)
      ? ticket.needs.writes.map(({ part }) => part).filter((part) => !parts.includes(part))
      : [];
    if (rest.length > 0) {
      this.#queue(cell, rest, ticket.queuedAtMs, this.#weights.bytesOf(cell));
      return;
    }
    this.#finished.add(cell.id);
    this.#weights.evictConsumed(this.#finished);
  }

  /** Who waits to rebuild what was just rebuilt by another finds it there. */
  #withoutRebuilt(variants: readonly string[]): void {
    for (const [id, ticket] of this.#waiting) {
      if (this.#weights.makes(this.#cell(id))) continue;
      const writes = ticket.needs.writes.filter(({ part }) => !variants.includes(part));
      if (writes.length === ticket.needs.writes.length) continue;
      this.#waiting.set(id, { ...ticket, needs: { ...ticket.needs, writes } });
    }
  }

  #cell(id: string): ScheduledCell {
    const cell = this.#byId.get(id);
    if (cell === undefined) throw new Error(`no cell ${id}`);
    return cell;
  }
}
