// How long the open cells of a suite will take at best: by what was measured in it, else by a rough estimate.
import { longestChainSeconds, type ChainStep } from '../../suite/plan/longest-chain.js';
import { measuredOf, unitSeconds } from '../../execution/lease/policy/durations.js';
import { activeGiB, usesAccelerator } from '../../suite/memory/memory.js';
import type { CellState } from '../../execution/records/cell-states.js';
import type { MeasuredReceipt } from '../../execution/records/standing.js';
import type { StatusCell } from './cell-counts.js';

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
  receipts: ReadonlyMap<string, MeasuredReceipt>;
  /** Seconds that running cells have run, by id. */
  elapsed: ReadonlyMap<string, number>;
  /** What a token goes through in each model, in GiB, where its profile tells. */
  sizes: ReadonlyMap<string, number>;
  gpus: number;
  cpuSlots: number;
}): TimeLeft | undefined {
  const found = (paths: readonly string[]): MeasuredReceipt[] =>
    paths.flatMap((path) => of.receipts.get(path) ?? []);
  const measured = of.cells.map(({ receipts, ...cell }) => ({
    ...cell,
    runSeconds: found(receipts).map(({ runSeconds }) => runSeconds),
    startSeconds: found(receipts).flatMap(({ startSeconds }) => startSeconds ?? []),
  }));
  const sizeOf = new Map(
    of.cells.map(({ model, sizeClass }) => [model, of.sizes.get(model) ?? activeGiB(sizeClass)]),
  );
  const { seconds, rates } = measuredOf(measured);
  let estimated = 0;
  const open = of.cells.flatMap((cell): OpenCell[] => {
    const { id, model, kind, dependsOn } = cell;
    if (!OPEN.includes(of.states.get(id) ?? 'not_started')) return [];
    if (!(`${model}/${kind}` in seconds) && rates[kind] === undefined) estimated += 1;
    const missing = cell.receipts.length - found(cell.receipts).length;
    const units = kind === 'edit' && missing > 0 ? missing : cell.units;
    const whole =
      units *
      unitSeconds(
        kind,
        { model, weightsGiB: sizeOf.get(model) ?? 0, work: cell.work },
        { seconds, rates, onCpu: of.gpus === 0 },
      );
    const left = Math.max(0, whole - (of.elapsed.get(id) ?? 0));
    return [{ id, seconds: left, onGpu: of.gpus > 0 && usesAccelerator(kind), after: dependsOn }];
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
