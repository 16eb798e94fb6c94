// Why a cell got no lease, as a value: one reason for each thing that its executor has to do differently.

export type LeaseFailureReason =
  /** The run was cancelled while the cell waited. */
  | 'cancelled'
  /** The disk has no room for what the cell writes, and nothing that runs or waits on this host frees any. */
  | 'refused'
  /** No state of this host could ever grant what the cell needs. */
  | 'impossible'
  /** The lock directory cannot be used, or the scheduler failed. */
  | 'unusable';

export interface LeaseFailure {
  reason: LeaseFailureReason;
  /** A sentence: what is wrong, where, and what to do. */
  message: string;
}
