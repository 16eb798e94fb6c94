// The adjustment of a retry: what it does otherwise than the cell's specification says, less at a time but never less
// in all. Pure.
import type { FaultCode } from '../../../base/fault.js';
import type { CellKind } from '../../../suite/model/cell.js';
import type { AttemptReport } from '../../records/receipt.js';
import type { JsonObject, JsonValue } from '../../../base/json-value.js';

export interface Adjustment {
  /** The batch is divided by it. */
  batchDivisor: number;
  /** GPUs beyond those planned. */
  extraGpus: number;
  /** The length of a window is divided by it; only under the original script's own windows. */
  lengthDivisor: number;
}

export const AS_PLANNED: Adjustment = { batchDivisor: 1, extraGpus: 0, lengthDivisor: 1 };

/** What failed attempts leave to the next one. */
export interface Retries {
  /** Of the attempts that failed, for the receipt of the one that ends well. */
  reports: readonly AttemptReport[];
  /** Their causes, the latest last. */
  failures: readonly FaultCode[];
  /** What the next attempt does otherwise than planned. */
  adjustment: Adjustment;
  /** When it may begin (`monotonicMs`): its ticket backs off until then, in its place in the queue. */
  notBeforeMs: number;
}

export const NO_RETRIES: Retries = { reports: [], failures: [], adjustment: AS_PLANNED, notBeforeMs: 0 };

const LEAST_LENGTH = 128;
/** lm-eval's `auto` names no size: what a first halving of it is taken from (the original script's `auto:N` names N). */
const AUTO_BATCH = 16;

/** The batch of a specification: of the evaluation itself, or of InvarLock; undefined for kinds without one. */
export function batchOf(kind: CellKind, spec: JsonObject): number | undefined {
  const value = holder(kind, spec)?.batch_size;
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return undefined;
  const named = /^auto:(\d+)$/.exec(value)?.[1];
  return named === undefined ? AUTO_BATCH : Number(named);
}

/** Windows that overlap are the original script's own (`windows: reference`): no valid certificate comes of them anyway. */
export function hasReferenceWindows(kind: CellKind, spec: JsonObject): boolean {
  const { seq_len, stride } = kind === 'eval' ? {} : (holder(kind, spec) ?? {});
  return typeof seq_len === 'number' && typeof stride === 'number' && stride < seq_len;
}

export function adjustedBatch(batch: number, { batchDivisor }: Adjustment): number {
  return Math.max(1, Math.floor(batch / batchDivisor));
}

/** The specification an attempt runs with. The fingerprint stays that of the plan: the receipt says what was changed. */
export function adjustSpec(kind: CellKind, spec: JsonObject, adjustment: Adjustment): JsonObject {
  const own = holder(kind, spec);
  const batch = batchOf(kind, spec);
  if (own === undefined || batch === undefined) return spec;
  const changed: JsonObject = {
    ...own,
    ...(adjustment.batchDivisor > 1 ? { batch_size: adjustedBatch(batch, adjustment) } : {}),
    ...shorter(own, adjustment),
  };
  return kind === 'eval' ? changed : { ...spec, invarlock: changed };
}

/** What was changed, for receipts: empty for an attempt as planned. */
export function describeAdjustment(
  kind: CellKind,
  spec: JsonObject,
  adjustment: Adjustment,
): Record<string, number> {
  const batch = batchOf(kind, spec);
  const length = shorter(holder(kind, spec) ?? {}, adjustment).seq_len;
  return {
    ...(adjustment.batchDivisor > 1 && batch !== undefined
      ? { batch_size: adjustedBatch(batch, adjustment) }
      : {}),
    ...(adjustment.extraGpus > 0 ? { extra_gpus: adjustment.extraGpus } : {}),
    ...(typeof length === 'number' ? { seq_len: length } : {}),
  };
}

function shorter({ seq_len, stride }: JsonObject, { lengthDivisor }: Adjustment): JsonObject {
  if (lengthDivisor <= 1 || typeof seq_len !== 'number' || typeof stride !== 'number') return {};
  const length = Math.max(LEAST_LENGTH, Math.floor(seq_len / lengthDivisor));
  return { seq_len: length, stride: Math.min(stride, Math.floor(length / 2)) };
}

/** Where the batch of a kind stands in its specification. */
function holder(kind: CellKind, spec: JsonObject): JsonObject | undefined {
  switch (kind) {
    case 'eval':
      return spec;
    case 'calibrate':
    case 'baseline':
    case 'certify':
    case 'guards':
    case 'certify012':
      return isObject(spec.invarlock) ? spec.invarlock : undefined;
    case 'data':
    case 'setup':
    case 'preset':
    case 'edit':
    case 'inject':
    case 'adopt':
    case 'program':
    case 'regression':
      return undefined;
  }
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
