// What a judge took: GPUs and time of the cells whose results it reads.
import type { CellKind } from '../../suite/model/cell.js';
import { type CellRecord, lastRecords } from '../read/records.js';

export interface JudgeCost {
  /** GPUs × seconds of their leases; 0 on a CPU. */
  gpuSeconds: number;
  /** Seconds in Python. */
  runSeconds: number;
  cells: number;
}

/** Cells without a receipt count nothing: they have not run. A judge that reads no cell costs nothing. */
export function costOf(reads: readonly CellKind[], records: readonly CellRecord[]): JudgeCost {
  const cells = [...lastRecords(records).values()].filter(({ kind }) => reads.includes(kind));
  const total = (of: (record: CellRecord) => number | null): number =>
    Number(cells.reduce((sum, record) => sum + (of(record) ?? 0), 0).toFixed(3));
  return {
    gpuSeconds: total(({ gpuHeldSeconds }) => gpuHeldSeconds),
    runSeconds: total(({ runSeconds }) => runSeconds),
    cells: cells.length,
  };
}
