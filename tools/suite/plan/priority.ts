// Base priority of a cell in the lease queue: what unblocks most runs first. docs/formulas.md#tasks-and-base-priorities
import type { CellKind } from '../model/cell.js';

const BASE: Record<CellKind, number> = {
  data: 92,
  setup: 90,
  calibrate: 85,
  preset: 75,
  baseline: 74,
  edit: 70,
  eval: 65,
  certify: 65,
  inject: 60,
  adopt: 70,
  program: 70,
  // Of judges that a suite asks for beside InvarLock's certify.
  guards: 50,
  regression: 50,
  certify012: 50,
};

/** 0–100, higher first. A baseline's evaluation goes before those of edits, what is done with errors after. */
export function basePriority(kind: CellKind, variant: string): number {
  if (kind === 'eval' && variant === 'baseline') return 80;
  if ((kind === 'certify' || kind === 'eval') && variant.startsWith('error_')) return 55;
  return BASE[kind];
}
