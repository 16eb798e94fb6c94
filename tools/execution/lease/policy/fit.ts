// Whether a cell fits a GPU: margins by free memory, a tolerance for large cells, sharing.
// Formulas: docs/formulas.md#does-a-cell-fit-a-gpu.
import type { Gpu, Lease, Needs, Ticket } from './state.js';

/** From so many GiB on (over all its GPUs) a cell may exceed the margin by SCHEDULER_MEM_TOLERANCE_GB. */
const LARGE_GIB = 140;

/** Share of free memory a cell may count on (2 % are kept free from 160 GiB up, 5 % from 80, else 10 %). */
export function safetyMargin(freeGiB: number): number {
  if (freeGiB >= 160) return 0.98;
  return freeGiB >= 80 ? 0.95 : 0.9;
}

/** What of a GPU's total an idle host can grant: drivers keep some 1–2 %, and the margin stays free. */
export function usableGiB(totalGiB: number): number {
  const free = totalGiB * 0.98;
  return free * safetyMargin(free);
}

/** What a cell may take of so much free memory: less the margin, plus the tolerance of large cells, never more than all. */
export function grantableGiB(freeGiB: number, { gpus, gibPerGpu }: Needs, toleranceGiB: number): number {
  const tolerance = gpus * gibPerGpu >= LARGE_GIB ? toleranceGiB / gpus : 0;
  return Math.min(freeGiB, freeGiB * safetyMargin(freeGiB) + tolerance);
}

/** Several cells share a GPU only where their site says so and does not ask for idle ones. */
export function shares({ limits }: Pick<Ticket, 'limits'>): boolean {
  return limits.sharing === 'memory' && !limits.requireIdle;
}

/** Whether the GPU takes the cell now, beside `holders`, the leases on it. */
export function fits(gpu: Gpu, ticket: Ticket, holders: readonly Lease[]): boolean {
  const { needs, limits } = ticket;
  if (!limits.gpus.includes(gpu.uuid) || (limits.requireIdle && gpu.busy)) return false;
  if (!mayJoin(ticket, holders)) return false;
  const free = unpromisedGiB(gpu, holders);
  return free >= limits.minFreeGiB && needs.gibPerGpu <= grantableGiB(free, needs, limits.toleranceGiB);
}

export function mayJoin(ticket: Ticket, holders: readonly Lease[]): boolean {
  return holders.length === 0 || (shares(ticket) && holders.every(({ sharing }) => sharing === 'memory'));
}

/** Free memory less what leases reserved and do not use yet. */
export function unpromisedGiB(gpu: Gpu, holders: readonly Lease[]): number {
  const promised = holders.map(({ id, gibPerGpu }) => Math.max(0, gibPerGpu - (gpu.usedByLease[id] ?? 0)));
  return gpu.freeGiB - promised.reduce((sum, gib) => sum + gib, 0);
}

/** Why no state of this pool could ever serve the cell; undefined when one could. `totals`: GiB of each GPU of the pool. */
export function impossible(needs: Needs, totals: readonly number[], toleranceGiB: number, ramGiB: number) {
  if (needs.ramGiB > ramGiB) {
    return `needs ${needs.ramGiB.toFixed(1)} GiB of host memory; this host has ${ramGiB.toFixed(1)}`;
  }
  if (needs.gpus === 0) return undefined;
  const fitting = totals.filter(
    (total) => needs.gibPerGpu <= grantableGiB(total * 0.98, needs, toleranceGiB),
  ).length;
  if (needs.gpus <= fitting) return undefined;
  const wanted = `needs ${needs.gpus} GPU${needs.gpus > 1 ? 's' : ''} of ${needs.gibPerGpu.toFixed(1)} GiB`;
  return fitting === totals.length
    ? `${wanted}; the pool has ${totals.length}`
    : `${wanted}; of the pool's ${totals.length} only ${fitting} can give so much`;
}
