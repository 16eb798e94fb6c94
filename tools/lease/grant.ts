// Which waiting tickets get what, as a pure function of the state. The scheduler's whole policy lives here.

/** What a cell needs to run. Sizes in GiB. */
export interface Needs {
  /** GPUs, all at once or not at all; 0 for work without one. */
  gpus: number;
  /** Free memory wanted on each of them. */
  gibPerGpu: number;
  /** CPU slots; every cell takes at least one. */
  cpuSlots: number;
}

/** The part of the host a ticket may use: its own site's settings, so every granter decides alike. */
export interface Limits {
  /** UUIDs of the pool. */
  gpus: string[];
  /** CPU slots of the host, as this ticket's site counts them. */
  cpuSlots: number;
  minFreeGiB: number;
  requireIdle: boolean;
}

export interface Ticket {
  id: string;
  /** Workspace and cell: two tickets of one key never run at once. */
  key: string;
  cell: string;
  needs: Needs;
  limits: Limits;
  /** Higher first. */
  priority: number;
  /** Milliseconds since the epoch. */
  createdAt: number;
}

export interface Lease {
  id: string;
  key: string;
  cell: string;
  /** GPU UUIDs. */
  gpus: string[];
  cpuSlots: number;
}

export interface Gpu {
  uuid: string;
  index: number;
  freeGiB: number;
  /** A compute process of anybody runs on it. */
  busy: boolean;
}

export interface SchedulerState {
  gpus: Gpu[];
  leases: Lease[];
  tickets: Ticket[];
}

export interface Grant {
  ticket: Ticket;
  gpus: string[];
  cpuSlots: number;
}

/**
 * Grants in order of priority, then age, then id. A ticket whose key holds a lease waits for it to end.
 * GPUs are exclusive; the emptiest that fit are taken, lowest index first.
 */
export function grant(state: SchedulerState): Grant[] {
  const held = new Set(state.leases.flatMap((lease) => lease.gpus));
  const running = new Set(state.leases.map((lease) => lease.key));
  let usedSlots = state.leases.reduce((sum, lease) => sum + lease.cpuSlots, 0);
  const grants: Grant[] = [];
  for (const ticket of [...state.tickets].sort(byRank)) {
    if (running.has(ticket.key)) continue;
    // A need beyond the host's slots is met by all of them: on a small host everything still runs, alone.
    const cpuSlots = Math.min(ticket.needs.cpuSlots, ticket.limits.cpuSlots);
    if (usedSlots + cpuSlots > ticket.limits.cpuSlots) continue;
    const gpus = pickGpus(state.gpus, held, ticket);
    if (gpus === undefined) continue;
    for (const uuid of gpus) held.add(uuid);
    running.add(ticket.key);
    usedSlots += cpuSlots;
    grants.push({ ticket, gpus, cpuSlots });
  }
  return grants;
}

/** Why a ticket could never be granted on this host, however long it waits; undefined when it could. */
export function impossible(needs: Needs, limits: Limits): string | undefined {
  if (needs.gpus <= limits.gpus.length) return undefined;
  return `needs ${needs.gpus} GPUs of ${needs.gibPerGpu.toFixed(1)} GiB; the pool has ${limits.gpus.length}`;
}

function pickGpus(gpus: readonly Gpu[], held: ReadonlySet<string>, ticket: Ticket): string[] | undefined {
  const wanted = ticket.needs.gpus;
  const fitting = gpus.filter((gpu) => !held.has(gpu.uuid) && fits(gpu, ticket));
  if (fitting.length < wanted) return undefined;
  return fitting
    .sort((a, b) => b.freeGiB - a.freeGiB || a.index - b.index)
    .slice(0, wanted)
    .map((gpu) => gpu.uuid);
}

function fits(gpu: Gpu, { needs, limits }: Ticket): boolean {
  if (!limits.gpus.includes(gpu.uuid) || (limits.requireIdle && gpu.busy)) return false;
  return gpu.freeGiB >= limits.minFreeGiB && needs.gibPerGpu <= gpu.freeGiB * safetyMargin(gpu.freeGiB);
}

/** What of a GPU's total an idle host can grant: drivers keep some 1–2 %, and the margin stays free. */
export function usableGiB(totalGiB: number): number {
  const free = totalGiB * 0.98;
  return free * safetyMargin(free);
}

/** Share of free memory a cell may count on (the seed's margins: 2 % kept from 160 GiB up, 5 % from 80, else 10 %). */
export function safetyMargin(freeGiB: number): number {
  if (freeGiB >= 160) return 0.98;
  return freeGiB >= 80 ? 0.95 : 0.9;
}

function byRank(a: Ticket, b: Ticket): number {
  return b.priority - a.priority || a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1);
}
