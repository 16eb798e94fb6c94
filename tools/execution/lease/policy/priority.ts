// The order in which tickets are served. small_first is the original script's dynamic priority (0–100,
// docs/formulas.md#dynamic-priority); critical_path takes the longest remaining work.
import { remainingSeconds } from './durations.js';
import { hasDiskShortage } from './disk.js';
import type { Lease, Progress, SchedulerState, Ticket } from './state.js';

const CAP = 100;
/** A lagging model's cells are lifted by so much, never past LAGGING_CAP, and not from LAGGING_BELOW_GIB up. */
const LAGGING_BOOST = 15;
const LAGGING_CAP = 95;
const LAGGING_BELOW_GIB = 120;
const LAGGING_POINTS = 0.1;

/**
 * The original script's priority: base + size + type + blocked cells + age − fairness, then the lagging-model boost, in 0–100.
 *
 * Formula: docs/formulas.md#dynamic-priority. Size is the GPU memory the cell needs; of a cell without a GPU it is the
 * model's weights.
 */
export function dynamicPriority(
  ticket: Ticket,
  now: number,
  leases: readonly Lease[],
  lagging: boolean,
): number {
  const { standing, needs } = ticket;
  const size = needs.gpus > 0 ? needs.gpus * needs.gibPerGpu : standing.weightsGiB;
  const running = leases.filter(({ run, model }) => run === ticket.run && model === standing.model).length;
  const waitedMinutes = Math.max(0, now - ticket.queuedAtMs) / 60_000;
  const priority =
    standing.base +
    sizeBoost(size) +
    typeBoost(standing.kind) +
    Math.min(40, 2 * standing.blocks) +
    Math.min(10, Math.floor(waitedMinutes / 5)) -
    Math.min(15, 3 * running);
  const clamped = Math.min(CAP, Math.max(0, priority));
  if (!lagging || size >= LAGGING_BELOW_GIB || clamped >= LAGGING_CAP) return clamped;
  return Math.min(LAGGING_CAP, clamped + LAGGING_BOOST);
}

/** The original script's boosts: small models first. */
export function sizeBoost(gib: number): number {
  if (gib < 30) return 30;
  if (gib < 70) return 20;
  return gib < 100 ? 10 : 0;
}

function typeBoost(kind: Ticket['standing']['kind']): number {
  if (kind === 'setup') return 50;
  return kind === 'calibrate' ? 20 : 0;
}

/** Models whose share of finished cells is more than ten points under the mean of the run's models. */
export function laggingModels({ done, total }: Progress): ReadonlySet<string> {
  const rates = Object.entries(total).map(([model, cells]) => ({
    model,
    rate: cells > 0 ? Math.min(1, (done[model] ?? 0) / cells) : 1,
  }));
  const mean = rates.reduce((sum, { rate }) => sum + rate, 0) / Math.max(1, rates.length);
  return new Set(rates.filter(({ rate }) => rate < mean - LAGGING_POINTS).map(({ model }) => model));
}

/**
 * Tickets in the order they are served. While weights want more disk than there is, cells that write none go first:
 * what they finish frees weights. One order a pass: the strategy of the ticket that has waited longest.
 */
export function ranked(state: SchedulerState, now: number): Ticket[] {
  const strategy = oldest(state.tickets)?.limits.strategy;
  const short = hasDiskShortage(state);
  const lagging = new Map(Object.entries(state.progress).map(([run, of]) => [run, laggingModels(of)]));
  const ranks = state.tickets.map((ticket) => ({
    ticket,
    writes: short && ticket.needs.writes.length > 0 ? 1 : 0,
    urgency:
      strategy === 'critical_path'
        ? remainingSeconds(ticket.standing, state.progress[ticket.run])
        : dynamicPriority(
            ticket,
            now,
            state.leases,
            lagging.get(ticket.run)?.has(ticket.standing.model) ?? false,
          ),
  }));
  return ranks
    .sort((a, b) => a.writes - b.writes || b.urgency - a.urgency || byAge(a.ticket, b.ticket))
    .map(({ ticket }) => ticket);
}

function oldest(tickets: readonly Ticket[]): Ticket | undefined {
  return [...tickets].sort(byAge)[0];
}

function byAge(a: Ticket, b: Ticket): number {
  return a.queuedAtMs - b.queuedAtMs || (a.id < b.id ? -1 : 1);
}
