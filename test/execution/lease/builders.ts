// Values for scheduler tests: a host, tickets and leases with plain defaults, each part to be overridden.
import type {
  Gpu,
  Lease,
  Limits,
  Needs,
  SchedulerState,
  Standing,
  Ticket,
} from '../../../tools/execution/lease/policy/state.js';

export const gpu = (index: number, rest: Partial<Gpu> = {}): Gpu => ({
  uuid: `GPU-${index}`,
  index,
  totalGiB: 80,
  freeGiB: 80,
  busy: false,
  usedByLease: {},
  ...rest,
});

export const NEEDS: Needs = { gpus: 0, gibPerGpu: 0, cpuSlots: 1, ramGiB: 0, writes: [] };

export const LIMITS: Limits = {
  gpus: ['GPU-0', 'GPU-1', 'GPU-2', 'GPU-3'],
  cpuSlots: 64,
  minFreeGiB: 10,
  requireIdle: true,
  toleranceGiB: 8,
  sharing: 'exclusive',
  strategy: 'small_first',
  disk: { device: 'disk', minFreeBytes: 0 },
};

export const STANDING: Standing = {
  suite: 's',
  model: 'm',
  kind: 'certify',
  base: 50,
  weightsGiB: 200,
  cellsOfModel: 1,
  blocks: 0,
  units: 1,
  chains: [],
};

export type TicketParts = Partial<Omit<Ticket, 'needs' | 'limits' | 'standing'>> & {
  needs?: Partial<Needs>;
  limits?: Partial<Limits>;
  standing?: Partial<Standing>;
};

export function ticket(id: string, { needs, limits, standing, ...rest }: TicketParts = {}): Ticket {
  return {
    id,
    key: id,
    cell: id,
    run: 'r',
    standing: { ...STANDING, ...standing },
    needs: { ...NEEDS, ...needs },
    limits: { ...LIMITS, ...limits },
    queuedAtMs: 0,
    notBeforeMs: 0,
    droppableBytes: 0,
    ...rest,
  };
}

export function lease(id: string, rest: Partial<Lease> = {}): Lease {
  return {
    id,
    key: id,
    cell: id,
    run: 'r',
    model: 'other',
    kind: 'certify',
    gpus: [],
    gibPerGpu: 0,
    cpuSlots: 1,
    ramGiB: 0,
    diskBytes: 0,
    diskDevice: 'disk',
    sharing: 'exclusive',
    units: 1,
    grantedAtMs: 0,
    seconds: 100,
    ...rest,
  };
}

export function state(
  rest: Partial<Omit<SchedulerState, 'host'>> & { gpus?: Gpu[]; ramGiB?: number; diskBytes?: number } = {},
): SchedulerState {
  const { gpus = [], ramGiB = 1_000, diskBytes = 1e15, ...others } = rest;
  return {
    host: { gpus, ramGiB, freeDiskBytes: { disk: diskBytes } },
    leases: [],
    tickets: [],
    progress: {},
    idleSinceMs: null,
    ...others,
  };
}
