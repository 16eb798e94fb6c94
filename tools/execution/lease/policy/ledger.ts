// The ledger of a pass: what is left of the host's slots, memory, disk and GPUs, and what of it is reserved for whom.
import { diskBudget, partsThatFit, sumBytes } from './disk.js';
import { unitSeconds } from './durations.js';
import { fits, shares, unpromisedGiB } from './fit.js';
import { expectedEndMs, soonest, type Reservation } from './reserve.js';
import type { Grant, Gpu, Lease, PartBytes, SchedulerState, Ticket } from './state.js';
import { fail, ok, type Result } from '../../../base/result.js';

/** Why a cell has to wait. */
export type WaitReason =
  /** Another run of the same cell holds a lease. */
  | { what: 'duplicate'; holder: string }
  /** A retry whose back-off is not over. */
  | { what: 'backing-off'; untilMs: number }
  /** The disk of the weights store has too little left for the first part it writes. */
  | { what: 'disk'; wantedBytes: number; leftBytes: number }
  /** All CPU slots are taken. */
  | { what: 'cpu-slots'; wanted: number; free: number }
  /** Too little of the host's memory is left, or what is left is reserved for another cell. */
  | { what: 'ram'; wantedGiB: number; freeGiB: number }
  /** Too few GPUs have the memory it needs, or those that have are reserved for others. */
  | { what: 'gpus'; wanted: number; gibPerGpu: number; free: number; reservedFor: string[] };

type Served = Result<Grant, WaitReason>;

export class Ledger {
  readonly #state: SchedulerState;
  readonly #now: number;
  readonly #leases: Lease[];
  readonly #reserved = new Map<string, Reservation>();
  #ramReservation: { untilMs: number; spareGiB: number } | undefined;

  constructor(state: SchedulerState, now: number) {
    this.#state = state;
    this.#now = now;
    this.#leases = [...state.leases];
  }

  /** Serve one ticket, or tell what it lacks; GPUs and memory it waits for are then kept for it. */
  serve(ticket: Ticket): Served {
    const holder = this.#leases.find(({ key }) => key === ticket.key);
    if (holder !== undefined) return fail({ what: 'duplicate', holder: holder.cell });
    if (ticket.notBeforeMs > this.#now) {
      return fail({ what: 'backing-off', untilMs: ticket.notBeforeMs });
    }
    const parts = this.#parts(ticket);
    if (parts === undefined) return fail(this.#diskReason(ticket));
    return this.#serveWith(ticket, parts, false);
  }

  /** Serve a ticket that no disk is left for by evicting what its own cell made before and can rebuild. */
  serveByEvicting(ticket: Ticket): Served {
    const budget = this.#budget(ticket) + ticket.droppableBytes;
    const parts = partsThatFit(ticket.needs.writes, budget);
    if (parts.length === 0) return fail(this.#diskReason(ticket));
    return this.#serveWith(ticket, parts, true);
  }

  #serveWith(ticket: Ticket, parts: readonly PartBytes[], evict: boolean): Served {
    const { needs, limits } = ticket;
    const used = this.#leases.reduce((sum, lease) => sum + lease.cpuSlots, 0);
    // A need beyond the host's slots is met by all of them: on a small host everything still runs, alone.
    const cpuSlots = Math.min(needs.cpuSlots, limits.cpuSlots);
    if (used + cpuSlots > limits.cpuSlots) {
      const free = Math.max(0, limits.cpuSlots - used);
      return fail({ what: 'cpu-slots', wanted: cpuSlots, free });
    }
    const { standing } = ticket;
    const units = parts.length > 0 ? parts.length : standing.units;
    const seconds = units * unitSeconds(standing.kind, standing, this.#state.progress[ticket.run]);
    const endMs = this.#now + seconds * 1_000;
    const freeGiB = this.#freeRam();
    if (needs.ramGiB > freeGiB || !this.#ramMayGo(needs.ramGiB, endMs)) {
      if (needs.ramGiB > freeGiB) this.#reserveRam(ticket);
      return fail({ what: 'ram', wantedGiB: needs.ramGiB, freeGiB });
    }
    const gpus = this.#pick(ticket, endMs);
    if (gpus === undefined) {
      const reason = this.#gpuReason(ticket);
      this.#reserveGpus(ticket);
      return fail(reason);
    }
    const grant: Grant = {
      ticket,
      gpus: gpus.map(({ uuid }) => uuid),
      cpuSlots,
      ramGiB: needs.ramGiB,
      parts: parts.map(({ part }) => part),
      diskBytes: sumBytes(parts),
      evict,
      units,
      seconds,
    };
    this.#take(grant);
    return ok(grant);
  }

  #take({ ticket, gpus, cpuSlots, ramGiB, diskBytes, units, seconds }: Grant): void {
    this.#leases.push({
      id: ticket.id,
      key: ticket.key,
      cell: ticket.cell,
      run: ticket.run,
      model: ticket.standing.model,
      kind: ticket.standing.kind,
      gpus,
      gibPerGpu: ticket.needs.gibPerGpu,
      cpuSlots,
      ramGiB,
      diskBytes,
      diskDevice: ticket.limits.disk.device,
      sharing: shares(ticket) ? 'memory' : 'exclusive',
      units,
      grantedAtMs: this.#now,
      seconds,
    });
    if (this.#ramReservation !== undefined && this.#now + seconds * 1_000 > this.#ramReservation.untilMs) {
      this.#ramReservation.spareGiB -= ramGiB;
    }
  }

  // Disk

  #budget(ticket: Ticket): number {
    return diskBudget({ ...this.#state, leases: this.#leases }, ticket);
  }

  #parts(ticket: Ticket): PartBytes[] | undefined {
    const { writes } = ticket.needs;
    if (writes.length === 0) return [];
    const fitting = partsThatFit(writes, this.#budget(ticket));
    return fitting.length > 0 ? fitting : undefined;
  }

  #diskReason(ticket: Ticket): WaitReason {
    return {
      what: 'disk',
      wantedBytes: ticket.needs.writes[0]?.bytes ?? 0,
      leftBytes: Math.max(0, this.#budget(ticket)),
    };
  }

  // Host memory

  #freeRam(): number {
    return this.#state.host.ramGiB - this.#leases.reduce((sum, { ramGiB }) => sum + ramGiB, 0);
  }

  /** Beside a reservation a cell goes if it ends sooner, or needs no more than is spare once the reserved one runs. */
  #ramMayGo(ramGiB: number, endMs: number): boolean {
    const reservation = this.#ramReservation;
    return reservation === undefined || endMs <= reservation.untilMs || ramGiB <= reservation.spareGiB;
  }

  #reserveRam(ticket: Ticket): void {
    if (this.#ramReservation !== undefined) return;
    let free = this.#freeRam();
    const byEnd = [...this.#leases].sort((a, b) => expectedEndMs(a, this.#now) - expectedEndMs(b, this.#now));
    for (const lease of byEnd) {
      free += lease.ramGiB;
      if (free < ticket.needs.ramGiB) continue;
      const untilMs = expectedEndMs(lease, this.#now);
      this.#ramReservation = { untilMs, spareGiB: free - ticket.needs.ramGiB };
      return;
    }
  }

  // GPUs

  holdersOf = (uuid: string): Lease[] => this.#leases.filter(({ gpus }) => gpus.includes(uuid));

  /** The emptiest that fit, lowest index first; those kept for another only if this cell ends before it could begin. */
  #pick(ticket: Ticket, endMs: number): Gpu[] | undefined {
    const wanted = ticket.needs.gpus;
    if (wanted === 0) return [];
    const open = this.#fitting(ticket).filter(({ uuid }) => {
      const reservation = this.#reserved.get(uuid);
      return reservation === undefined || endMs <= reservation.untilMs;
    });
    if (open.length < wanted) return undefined;
    const kept = ({ uuid }: Gpu): number => (this.#reserved.has(uuid) ? 1 : 0);
    const free = (gpu: Gpu): number => unpromisedGiB(gpu, this.holdersOf(gpu.uuid));
    return open.sort((a, b) => kept(a) - kept(b) || free(b) - free(a) || a.index - b.index).slice(0, wanted);
  }

  #fitting(ticket: Ticket): Gpu[] {
    return this.#state.host.gpus.filter((gpu) => fits(gpu, ticket, this.holdersOf(gpu.uuid)));
  }

  #reserveGpus(ticket: Ticket): void {
    const unreserved = this.#state.host.gpus.filter(({ uuid }) => !this.#reserved.has(uuid));
    const chosen = soonest(unreserved, ticket, this.holdersOf, this.#now);
    for (const { uuid } of chosen?.gpus ?? []) {
      this.#reserved.set(uuid, { cell: ticket.cell, untilMs: chosen?.untilMs ?? 0 });
    }
  }

  #gpuReason(ticket: Ticket): WaitReason {
    const fitting = this.#fitting(ticket);
    const reservedFor = fitting.flatMap(({ uuid }) => this.#reserved.get(uuid)?.cell ?? []);
    const free = fitting.filter(({ uuid }) => !this.#reserved.has(uuid)).length;
    const { gpus: wanted, gibPerGpu } = ticket.needs;
    return { what: 'gpus', wanted, gibPerGpu, free, reservedFor: [...new Set(reservedFor)] };
  }
}
