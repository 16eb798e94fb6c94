// Memory and GPUs planned for each cell, beside what became of it.
import { compare } from '../../base/compare.js';
import type { CellKind, SizeClass } from '../../suite/model/cell.js';
import {
  perDeviceGiB,
  plannedMemory,
  type MemorySettings,
  type ModelProfile,
} from '../../suite/memory/memory-plan.js';
import type { PlannedCell } from '../../suite/plan/planned.js';
import type { MissingReason } from '../read/files.js';
import type { CellRecord } from '../read/records.js';
import type { CellResult } from './cell-results.js';

/** What the plan asks for one cell. */
export interface MemoryPlan {
  cell: string;
  model: string;
  kind: CellKind;
  sizeClass: SizeClass;
  /** In all; a cell on the CPU plans host memory. */
  requiredGiB: number;
  /** 0: it takes none. */
  gpus: number;
  /** What the figure rests on. */
  basis: 'size class' | 'source' | 'profile';
}

/** For GPUs as the site's settings have them, else B200s: a plan must not depend on the machine that judges. */
export function planMemory(
  cells: readonly PlannedCell[],
  profiles: ReadonlyMap<string, ModelProfile>,
  settings: MemorySettings,
): MemoryPlan[] {
  const devices = { count: Infinity, usableGiB: perDeviceGiB(settings, undefined) };
  return cells.map((cell) => {
    const { id, model, kind, sizeClass } = cell;
    const { requiredGiB, gpus, from } = plannedMemory(cell, profiles.get(model), settings, devices);
    const basis = from === 'name' ? 'size class' : from;
    return { cell: id, model, kind, sizeClass, requiredGiB, gpus, basis };
  });
}

export interface MemoryRow extends MemoryPlan {
  status: 'finished' | MissingReason;
  /** Of the last part that finished; null before. */
  record: CellRecord | null;
}

export function memoryRows(plan: readonly MemoryPlan[], cells: readonly CellResult[]): MemoryRow[] {
  const states = new Map(cells.map((state) => [state.cell, state]));
  return plan
    .map((one) => {
      const state = states.get(one.cell);
      return { ...one, status: state?.status ?? 'not_run', record: state?.record ?? null };
    })
    .sort((a, b) => compare(a.cell, b.cell));
}
