// How long the open cells of a suite will take at best: by what was measured in it, else by a rough estimate.
import { longestChainSeconds, type ChainStep } from '../base/longest-chain.js';
import { median } from '../base/median.js';
import { estimatedSeconds } from '../suite/estimate.js';
import { usesAccelerator, weightsGiB } from '../suite/memory.js';
import type { CellState, ReceiptFacts, StatusCell } from './cell-states.js';

export interface TimeLeft {
  /** The longest of: work on GPUs over GPUs, work on CPU slots over slots, the longest chain. */
  seconds: number;
  /** Cells still to end. */
  cells: number;
  /** Of those, cells nothing was measured for. */
  estimated: number;
}

export interface OpenCell extends ChainStep {
  onGpu: boolean;
}

const OPEN: readonly CellState[] = ['running', 'waiting', 'outdated', 'not_started'];

/** Undefined when nothing is open. Failed cells and those behind them do not count: this run will not end them. */
export function timeLeft(of: {
  cells: readonly StatusCell[];
  states: ReadonlyMap<string, CellState>;
  receipts: ReadonlyMap<string, ReceiptFacts>;
  /** Seconds that running cells have run, by id. */
  elapsed: ReadonlyMap<string, number>;
  gpus: number;
  cpuSlots: number;
}): TimeLeft | undefined {
  const measured = measuredSeconds(of.cells, of.receipts);
  let estimated = 0;
  const open = of.cells.flatMap((cell): OpenCell[] => {
    const { id, model, kind, sizeClass, dependsOn } = cell;
    if (!OPEN.includes(of.states.get(id) ?? 'not_started')) return [];
    const known = measured.get(`${model}/${kind}`);
    if (known === undefined) estimated += 1;
    const missing = cell.receipts.filter((path) => !of.receipts.has(path)).length || cell.receipts.length;
    const whole = (known ?? estimatedSeconds(kind, weightsGiB(sizeClass))) * missing;
    const seconds = Math.max(0, whole - (of.elapsed.get(id) ?? 0));
    return [{ id, seconds, onGpu: of.gpus > 0 && usesAccelerator(kind), after: dependsOn }];
  });
  if (open.length === 0) return undefined;
  return { seconds: leastSeconds(open, of.gpus, of.cpuSlots), cells: open.length, estimated };
}

/** No schedule ends sooner: neither all the work on all the machine, nor one cell after another of the longest chain. */
export function leastSeconds(open: readonly OpenCell[], gpus: number, cpuSlots: number): number {
  const work = (onGpu: boolean): number =>
    open.filter((cell) => cell.onGpu === onGpu).reduce((sum, { seconds }) => sum + seconds, 0);
  const chain = longestChainSeconds(open);
  return Math.max(work(true) / Math.max(1, gpus), work(false) / Math.max(1, cpuSlots), chain);
}

/** Median seconds of one part by `model/kind`: the parts of a batch are made, and measured, together. */
function measuredSeconds(
  cells: readonly StatusCell[],
  receipts: ReadonlyMap<string, ReceiptFacts>,
): ReadonlyMap<string, number> {
  const seconds = new Map<string, number[]>();
  for (const { model, kind, receipts: paths } of cells) {
    const found = paths.flatMap((path) => receipts.get(path) ?? []);
    if (found.length === 0) continue;
    const part = found.reduce((sum, { runSeconds }) => sum + runSeconds, 0) / found.length ** 2;
    const key = `${model}/${kind}`;
    seconds.set(key, [...(seconds.get(key) ?? []), part]);
  }
  return new Map([...seconds].map(([key, values]) => [key, median(values)]));
}
