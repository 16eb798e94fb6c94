// All a run's files are made of: the analysis, what receipts say of the runs behind it, the memory plan, the faults.
import type { FaultRecord } from '../../execution/records/fault-log.js';
import type { CellRecord } from '../read/records.js';
import type { Analysis } from './analyse.js';
import type { CellResult } from './cell-results.js';
import type { MemoryRow } from './memory.js';

export interface Findings {
  analysis: Analysis;
  /** Every planned cell, by name. */
  cells: readonly CellResult[];
  memory: readonly MemoryRow[];
  records: readonly CellRecord[];
  faults: readonly FaultRecord[];
  /** Lines of state/errors.json that are no record. */
  unreadableFaults: number;
}
