// Reservations: GPUs kept for a cell that waits for several, so that small ones never starve it.
import { fits, grantableGiB, mayJoin, unpromisedGiB } from './fit.js';
import type { Gpu, Lease, Ticket } from './state.js';

/** When a running cell should end; one that is late is expected any moment. */
export function expectedEndMs({ grantedAtMs, seconds }: Lease, now: number): number {
  return Math.max(now, grantedAtMs + seconds * 1_000);
}

/** When the GPU should take the cell, as its holders end one after another; Infinity when that cannot be told. */
export function availableAtMs(gpu: Gpu, ticket: Ticket, holders: readonly Lease[], now: number): number {
  if (fits(gpu, ticket, holders)) return now;
  const { needs, limits } = ticket;
  if (!limits.gpus.includes(gpu.uuid) || (limits.requireIdle && gpu.busy)) return Infinity;
  const byEnd = [...holders].sort((a, b) => expectedEndMs(a, now) - expectedEndMs(b, now));
  for (const [index, ending] of byEnd.entries()) {
    const left = byEnd.slice(index + 1);
    if (!mayJoin(ticket, left)) continue;
    const free = freeAfter(gpu, byEnd.slice(0, index + 1), left);
    if (free >= limits.minFreeGiB && needs.gibPerGpu <= grantableGiB(free, needs, limits.toleranceGiB)) {
      return expectedEndMs(ending, now);
    }
  }
  return Infinity;
}

function freeAfter(gpu: Gpu, ended: readonly Lease[], left: readonly Lease[]): number {
  // Nobody is left on it and nobody else computes there: an idle GPU, of which drivers keep 1–2 %.
  if (left.length === 0 && !gpu.busy) return gpu.totalGiB * 0.98;
  const freed = ended.reduce((sum, { id }) => sum + (gpu.usedByLease[id] ?? 0), 0);
  return unpromisedGiB({ ...gpu, freeGiB: gpu.freeGiB + freed }, left);
}

export interface Reservation {
  cell: string;
  /** When the last of its GPUs should be free: who ends sooner may use them until then. */
  untilMs: number;
}

/** The GPUs that could serve the cell soonest and when, or undefined when that cannot be told. */
export function soonest(
  gpus: readonly Gpu[],
  ticket: Ticket,
  holdersOf: (uuid: string) => readonly Lease[],
  now: number,
): { gpus: Gpu[]; untilMs: number } | undefined {
  const candidates = gpus
    .map((gpu) => ({ gpu, at: availableAtMs(gpu, ticket, holdersOf(gpu.uuid), now) }))
    .filter(({ at }) => Number.isFinite(at))
    .sort((a, b) => a.at - b.at || a.gpu.index - b.gpu.index)
    .slice(0, ticket.needs.gpus);
  if (candidates.length < ticket.needs.gpus) return undefined;
  return { gpus: candidates.map(({ gpu }) => gpu), untilMs: Math.max(...candidates.map(({ at }) => at)) };
}
