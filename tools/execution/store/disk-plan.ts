// How much disk the weights of a run take: what is still to be made, by what is known of each model. Pure.
import { sizeText } from '../../base/units.js';
import type { CellKind } from '../../suite/model/cell.js';
import { isEvictable, type Keep } from '../../suite/model/keep.js';

/** One entry of the store, as a run finds it. */
export interface PlannedWeights {
  model: string;
  kind: CellKind;
  bytes: number;
  /** It lies in the store already. */
  there: boolean;
  /** Something still has to read it; of what lies there nobody asks. */
  wanted: boolean;
  /** It comes from the hub, whose cache keeps a copy on the same disk. */
  hubCopy: boolean;
  /** Nothing is known of its size: it is that of the size class that its model's name speaks of. */
  byName?: boolean;
}

export interface DiskPlan {
  /** Bytes that are written and stay. */
  staysBytes: number;
  /** Of it, copies in the hub's cache. */
  hubBytes: number;
  /** Bytes that are written and go once nothing waits for them: the largest of them, and all. */
  passingLargestBytes: number;
  passingAllBytes: number;
  /** Without so much free disk the run cannot end; more is used while it is there. */
  leastBytes: number;
  mostBytes: number;
  /** Models whose weights are to be made and whose size is only estimated, by their size classes. */
  byName: string[];
}

export function planDisk(weights: readonly PlannedWeights[], keep: Keep): DiskPlan {
  const toMake = weights.filter(({ there, wanted, kind }) => !there && (wanted || !isEvictable(keep, kind)));
  const staying = toMake.filter(({ kind }) => !isEvictable(keep, kind));
  const passing = toMake.filter(({ kind }) => isEvictable(keep, kind));
  const hubBytes = sum(toMake.filter(({ hubCopy }) => hubCopy));
  const staysBytes = sum(staying) + hubBytes;
  // A baseline that may go is still there while the edits of it are.
  const atOnce = [...new Set(passing.map(({ model }) => model))].map((model) => {
    const own = passing.filter((one) => one.model === model);
    return (
      sum(own.filter(({ kind }) => kind === 'setup')) + largest(own.filter(({ kind }) => kind !== 'setup'))
    );
  });
  const passingLargestBytes = Math.max(0, ...atOnce);
  const passingAllBytes = sum(passing);
  return {
    staysBytes,
    hubBytes,
    passingLargestBytes,
    passingAllBytes,
    leastBytes: staysBytes + passingLargestBytes,
    mostBytes: staysBytes + passingAllBytes,
    byName: [...new Set(toMake.filter((one) => one.byName === true).map(({ model }) => model))],
  };
}

/** What a figure of the disk rests on, where that is no more than names; empty where all sizes are known. */
export function basisText(byName: readonly string[]): string {
  if (byName.length === 0) return '';
  const shown = byName.slice(0, 3).join(', ') + (byName.length > 3 ? ` and ${byName.length - 3} more` : '');
  return `; estimated by size class, as their sizes are not known yet: ${shown}`;
}

/** Why a run is refused before it starts, or undefined when its weights fit. */
export function diskRefusal(plan: DiskPlan, freeBytes: number, minFreeBytes: number): string | undefined {
  // Nothing to write: what is finished may be looked at on the fullest disk.
  if (plan.leastBytes === 0 || plan.leastBytes + minFreeBytes <= freeBytes) return undefined;
  return (
    `planned weights do not fit: ${sizeText(plan.leastBytes)} are still to be made and ${sizeText(minFreeBytes)} stay free ` +
    `(MIN_FREE_DISK_GB), ${sizeText(freeBytes)} are free${basisText(plan.byName)}`
  );
}

/** One line a run begins with. */
export function describeDisk(plan: DiskPlan, keep: Keep, freeBytes: number): string {
  if (plan.mostBytes === 0)
    return `disk: no weights to be made (storage.keep: ${keep}), ${sizeText(freeBytes)} free`;
  const hub = plan.hubBytes > 0 ? ` (with ${sizeText(plan.hubBytes)} in the hub's cache)` : '';
  const all =
    plan.leastBytes === plan.mostBytes
      ? `${sizeText(plan.mostBytes)} of weights are to be made${hub}`
      : `${sizeText(plan.staysBytes)} of weights are to be made and stay${hub}; at least ${sizeText(plan.leastBytes)} at its ` +
        `peak, and up to ${sizeText(plan.mostBytes)} where there is room`;
  return `disk: ${all} (storage.keep: ${keep}), ${sizeText(freeBytes)} free${basisText(plan.byName)}`;
}

const sum = (all: readonly PlannedWeights[]): number => all.reduce((total, { bytes }) => total + bytes, 0);
const largest = (all: readonly PlannedWeights[]): number => Math.max(0, ...all.map(({ bytes }) => bytes));

/** What the original script keeps free. */
const DEFAULT_MIN_FREE_GIB = 200;

/** `auto`: 200 GiB, or less for a suite that writes less in all (docs/formulas.md#faults-and-retries). */
export function minFreeDiskGiB(written: number | 'auto', suiteGiB: number): number {
  return written === 'auto' ? Math.min(DEFAULT_MIN_FREE_GIB, suiteGiB) : written;
}
