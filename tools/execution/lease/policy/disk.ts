// Disk for weights: how much may still be written, and which parts of a cell fit into it.
import type { PartBytes, SchedulerState, Ticket } from './state.js';

/** Bytes still to be given out on a device: free, less what must stay free and what running cells were promised. */
export function diskBudget({ host, leases }: SchedulerState, { limits }: Pick<Ticket, 'limits'>): number {
  const { device, minFreeBytes } = limits.disk;
  const promised = leases
    .filter(({ diskDevice }) => diskDevice === device)
    .reduce((sum, { diskBytes }) => sum + diskBytes, 0);
  return (host.freeDiskBytes[device] ?? 0) - minFreeBytes - promised;
}

/** The first parts that fit, in their order: a batch runs in part while disk is short. */
export function partsThatFit(writes: readonly PartBytes[], budgetBytes: number): PartBytes[] {
  const fitting: PartBytes[] = [];
  let left = budgetBytes;
  for (const part of writes) {
    if (part.bytes > left) break;
    left -= part.bytes;
    fitting.push(part);
  }
  return fitting;
}

export function sumBytes(parts: readonly PartBytes[]): number {
  return parts.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Whether the waiting cells want to write more than some device can give. */
export function hasDiskShortage(state: SchedulerState): boolean {
  const wanted = new Map<string, number>();
  for (const { limits, needs } of state.tickets) {
    wanted.set(limits.disk.device, (wanted.get(limits.disk.device) ?? 0) + sumBytes(needs.writes));
  }
  return state.tickets.some(
    (ticket) =>
      ticket.needs.writes.length > 0 &&
      (wanted.get(ticket.limits.disk.device) ?? 0) > diskBudget(state, ticket),
  );
}
