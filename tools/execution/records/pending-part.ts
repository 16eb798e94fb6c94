// A part of a cell that is to be made: what its job file, its lease and its receipt are about.
import type { CellPart } from '../../suite/model/cell.js';

export interface PendingPart {
  part: CellPart;
  fingerprint: string;
}
