// Runs the real `grant` over a plan in simulated time: how long a host would take, and how much disk at most.
import { longestChainSeconds } from '../base/longest-chain.js';
import type { Cell, CellId } from '../suite/cell.js';
import { estimatedSeconds } from '../suite/estimate.js';
import type { Keep } from '../suite/keep.js';
import { schedules, unitsOf, type Schedule } from '../suite/schedule.js';
import { unpromisedGiB } from './fit.js';
import { grant, STANDSTILL_MS } from './grant.js';
import { Weights } from './simulated-weights.js';
import type { Grant, Gpu, Lease, Limits, Needs, Ticket } from './state.js';
import { GIB } from '../base/units.js';

export interface SimulatedHost {
  /** GiB of each GPU. */
  gpus: readonly number[];
  ramGiB: number;
  diskBytes: number;
}

export interface Simulation {
  host: SimulatedHost;
  /** Everything but the pool, which is all of the host's GPUs. */
  limits: Omit<Limits, 'gpus'>;
  keep: Keep;
  weightsGiB: (cell: Cell) => number;
  needs: (cell: Cell) => Omit<Needs, 'writes'>;
  base: (cell: Cell) => number;
  /** Seconds a unit of the cell really takes; by default as estimated. */
  unitSeconds?: (cell: Cell) => number;
}

export interface Simulated {
  makespanSeconds: number;
  /** max(GPU work / GPUs, longest path): no schedule is shorter. */
  boundSeconds: number;
  peakDiskBytes: number;
  /** Cells in the order they began, with the GPUs they had. */
  began: { cell: CellId; atSeconds: number; seconds: number; gpus: string[] }[];
  /** Cells that were refused for lack of disk, and those behind them. */
  unfinished: CellId[];
}

interface Running extends Lease {
  endMs: number;
  granted: Grant;
}

/** Longest chain of cells, and GPU work spread over all GPUs: whichever is more. */
export function lowerBoundSeconds(cells: readonly Cell[], simulation: Simulation): number {
  const steps = cells.map((cell) => ({
    id: cell.id,
    seconds: secondsOf(cell, simulation),
    after: cell.dependsOn,
    gpus: simulation.needs(cell).gpus,
  }));
  const work = steps.reduce((sum, { seconds, gpus }) => sum + seconds * gpus, 0);
  return Math.max(work / Math.max(1, simulation.host.gpus.length), longestChainSeconds(steps));
}

/** The plan from its first cell to its last, with `grant` asked at every start and end. */
export function simulate(cells: readonly Cell[], simulation: Simulation): Simulated {
  const run = new Run(cells, simulation);
  while (run.step());
  return run.result(lowerBoundSeconds(cells, simulation));
}

class Run {
  readonly #byId: ReadonlyMap<CellId, Cell>;
  readonly #hints: ReadonlyMap<CellId, Schedule>;
  readonly #waiting = new Map<CellId, Ticket>();
  readonly #finished = new Set<CellId>();
  readonly #began: Simulated['began'] = [];
  readonly #weights: Weights;
  #pending: Cell[];
  #running: Running[] = [];
  #now = 0;
  #idleSinceMs: number | null = 0;

  constructor(
    cells: readonly Cell[],
    private readonly simulation: Simulation,
  ) {
    this.#byId = new Map(cells.map((cell) => [cell.id, cell]));
    this.#hints = schedules(cells);
    this.#pending = [...cells];
    this.#weights = new Weights(cells, simulation.keep);
    this.#queueReady();
  }

  /** Grant at this moment, then go to the next; false when nothing is left that could happen. */
  step(): boolean {
    const decision = grant(this.#state(), this.#now);
    for (const one of decision.grants) this.#start(one);
    for (const { ticket } of decision.refusals) this.#waiting.delete(ticket.cell as CellId);
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

  result(boundSeconds: number): Simulated {
    return {
      makespanSeconds: Math.max(0, ...this.#began.map(({ atSeconds, seconds }) => atSeconds + seconds)),
      boundSeconds,
      peakDiskBytes: this.#weights.peakBytes,
      began: this.#began,
      unfinished: [...this.#byId.keys()].filter((id) => !this.#finished.has(id)),
    };
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
        freeDiskBytes: { [this.#device]: host.diskBytes - this.#weights.bytes },
      },
      leases: this.#running,
      tickets: [...this.#waiting.values()],
      progress: {},
      idleSinceMs: this.#idleSinceMs,
    };
  }

  get #device(): string {
    return this.simulation.limits.disk.device;
  }

  #queueReady(): void {
    const ready = this.#pending.filter(({ dependsOn }) => dependsOn.every((id) => this.#finished.has(id)));
    if (ready.length === 0) return;
    this.#pending = this.#pending.filter((cell) => !ready.includes(cell));
    for (const cell of ready)
      this.#queue(
        cell,
        cell.parts.map(({ name }) => name),
        this.#now,
        0,
      );
  }

  #queue(cell: Cell, parts: readonly string[], queuedAtMs: number, droppableBytes: number): void {
    const { needs, limits, base, weightsGiB, host } = this.simulation;
    const bytes = weightsGiB(cell) * GIB;
    const written = this.#weights.makes(cell) ? parts : this.#weights.missingFor(cell);
    this.#waiting.set(cell.id, {
      id: cell.id,
      key: cell.id,
      cell: cell.id,
      run: '',
      standing: {
        suite: '',
        model: cell.model,
        kind: cell.kind,
        base: base(cell),
        weightsGiB: weightsGiB(cell),
        ...(this.#hints.get(cell.id) ?? { units: 1, cellsOfModel: 1, blocks: 0, chains: [] }),
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
    if (granted.drop) this.#weights.drop(cell, granted.parts);
    const units = this.#weights.makes(cell) ? granted.parts.length : unitsOf(cell);
    const remade = this.#weights.makes(cell) ? 0 : granted.parts.length;
    const edit = estimatedSeconds('edit', ticket.standing.weightsGiB);
    const seconds = units * perUnit(cell, this.simulation) + remade * edit;
    this.#began.push({ cell: cell.id, atSeconds: this.#now / 1_000, seconds, gpus: granted.gpus });
    this.#running.push({
      id: ticket.id,
      key: ticket.key,
      cell: ticket.cell,
      run: '',
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
    else for (const variant of parts) this.#weights.store(variant, each);
    const rest = this.#weights.makes(cell)
      ? ticket.needs.writes.map(({ part }) => part).filter((part) => !parts.includes(part))
      : [];
    if (rest.length > 0) {
      this.#queue(cell, rest, ticket.queuedAtMs, this.#weights.bytesOf(cell));
      return;
    }
    this.#finished.add(cell.id);
    this.#weights.consumed(this.#finished);
  }

  #cell(id: string): Cell {
    const cell = this.#byId.get(id as CellId);
    if (cell === undefined) throw new Error(`no cell ${id}`);
    return cell;
  }
}

function perUnit(cell: Cell, { unitSeconds, weightsGiB }: Simulation): number {
  return unitSeconds?.(cell) ?? estimatedSeconds(cell.kind, weightsGiB(cell));
}

function secondsOf(cell: Cell, simulation: Simulation): number {
  return unitsOf(cell) * perUnit(cell, simulation);
}
