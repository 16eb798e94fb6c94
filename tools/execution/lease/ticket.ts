// The ticket of a cell that waits for a lease: made from what the cell asks for.
import { newId } from './directory/ids.js';
import { runName, type Finished } from './directory/progress-record.js';
import type { TicketRecord } from './directory/records.js';
import type { Passed } from './pass.js';
import type { Limits, Needs, Standing } from './policy/state.js';
import { ownIdentity } from '../../host/process-identity.js';

export interface LeaseRequest {
  /** Same work, same key: waits while another run has it. */
  key: string;
  cell: string;
  workspace: string;
  standing: Standing;
  needs: Needs;
  limits: Limits;
  /** GiB of each GPU of the pool. */
  poolGiB: readonly number[];
  storageRoot: string;
  /** Since when the cell waits (`HeldLease.record.queuedAtMs` of an earlier pass): a retry keeps its place. */
  queuedAtMs?: number;
  /** The cell backs off until then (`monotonicMs`), in its place in the queue and holding nothing. */
  notBeforeMs?: number;
  /** Bytes of weights that earlier passes of this cell made and that can be rebuilt. */
  droppableBytes?: number;
  /** Number of the attempt this is for, from 1. */
  attempt?: number;
  /** Cells of the run that are finished already; asked when the host knows nothing of the run. */
  finished?: () => readonly Finished[];
  /** Called once, when the lease cannot be granted at once. */
  onWaiting?: () => void;
  /** Called at every pass of the host's ticker while this process is it. */
  onTick?: (passed: Passed) => void;
}

/** @param nowMs when the cell began to wait, unless it waits since an earlier pass. */
export function ticketOf(request: LeaseRequest, nowMs: number): TicketRecord {
  const { key, cell, workspace, standing, needs, limits, storageRoot } = request;
  return {
    id: newId(),
    key,
    cell,
    run: runName(workspace, standing.suite),
    workspace,
    standing,
    needs,
    limits,
    storageRoot,
    queuedAtMs: request.queuedAtMs ?? nowMs,
    notBeforeMs: request.notBeforeMs ?? 0,
    droppableBytes: request.droppableBytes ?? 0,
    attempt: request.attempt ?? 1,
    executor: ownIdentity(),
  };
}
