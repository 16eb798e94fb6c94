// Values for tests of the status: cells, leases and their holders, each part to be overridden.
import type { LeaseRecord } from '../../../tools/execution/lease/directory/records.js';
import type { StatusCell } from '../../../tools/monitoring/status/cell-counts.js';
import type { LeaseFacts } from '../../../tools/monitoring/status/holder.js';
import type { HolderFacts } from '../../../tools/monitoring/status/liveness.js';

export const WORKSPACE = '/w';

export const identity = (pid: number): LeaseRecord['executor'] => ({
  pid,
  startTime: '1',
  bootId: 'b',
  pidNamespace: 'n',
  host: 'h',
});

export const WELL: HolderFacts = {
  executor: 'runs',
  worker: 'runs',
  silentMs: 100,
  quietMs: 100,
  broken: undefined,
};

export function cell(id: string, rest: Partial<StatusCell> = {}): StatusCell {
  const full = `s.m.${id}` as const;
  return {
    id: full,
    model: 'm',
    kind: 'eval',
    sizeClass: 'tiny',
    dependsOn: [],
    units: 1,
    work: 1,
    receipts: [`${full}.json`],
    ...rest,
  };
}

export function leaseRecord(of: string, rest: Partial<LeaseRecord> = {}): LeaseRecord {
  return {
    id: '11-0123456789ab-0123456789ab',
    key: `${WORKSPACE}#s.m.${of}`,
    cell: `s.m.${of}`,
    run: `${WORKSPACE}#s`,
    workspace: WORKSPACE,
    model: 'm',
    kind: 'eval',
    executor: identity(11),
    worker: identity(12),
    attempt: 1,
    gpus: [],
    gpuIndices: [],
    gibPerGpu: 0,
    cpuSlots: 1,
    ramGiB: 2,
    diskBytes: 0,
    diskDevice: 'disk',
    sharing: 'exclusive',
    units: 1,
    parts: [],
    drop: false,
    queuedAtMs: 0,
    grantedAtMs: 0,
    grantedAt: '2026-01-02T03:04:05.678Z',
    seconds: 100,
    terminatedAtMs: null,
    ...rest,
  };
}

export function leaseFacts(
  of: string,
  rest: Partial<LeaseRecord> = {},
  facts: Partial<HolderFacts> = {},
): LeaseFacts {
  return { lease: leaseRecord(of, rest), facts: { ...WELL, ...facts }, elapsedSeconds: 192 };
}
