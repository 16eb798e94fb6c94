// What the scheduler decides on, as plain values: tickets, leases, the host, what has been measured. Times in seconds
// and milliseconds of one monotonic clock (base/clock.ts); memory in GiB, disk in bytes.
import type { CellKind } from '../../../suite/model/cell.js';
import type { Step } from '../../../suite/plan/schedule.js';

export type Strategy = 'small_first' | 'critical_path';
export type Sharing = 'exclusive' | 'memory';

/** What a cell needs to run. */
export interface Needs {
  /** GPUs, all at once or not at all; 0 for work without one. */
  gpus: number;
  /** Memory wanted on each of them. */
  gibPerGpu: number;
  /** CPU slots; every cell takes at least one. */
  cpuSlots: number;
  /** Host memory. */
  ramGiB: number;
  /** Weights the cell writes, in the order it makes them: one entry a part; empty for a cell that writes none. */
  writes: PartBytes[];
}

export interface PartBytes {
  part: string;
  bytes: number;
}

/** The part of the host a ticket may use: its own site's settings, so every granter decides alike. */
export interface Limits {
  /** UUIDs of the pool. */
  gpus: string[];
  /** CPU slots of the host, as this ticket's site counts them. */
  cpuSlots: number;
  /** GPU_MIN_FREE_GB. */
  minFreeGiB: number;
  /** GPU_REQUIRE_IDLE. */
  requireIdle: boolean;
  /** SCHEDULER_MEM_TOLERANCE_GB. */
  toleranceGiB: number;
  sharing: Sharing;
  strategy: Strategy;
  /** File system of the weights store, and what must stay free on it (MIN_FREE_DISK_GB). */
  disk: { device: string; minFreeBytes: number };
  /** How long nvidia-smi may take to answer (gpus.nvidia_smi_timeout_s). */
  nvidiaSmiMs?: number | undefined;
  /** Where all users of the host lock GPUs (leases.gpu_locks). */
  gpuLocks?: string | undefined;
}

/** What a cell is in its plan: all that priorities and estimates are made of. */
export interface Standing {
  suite: string;
  model: string;
  kind: CellKind;
  /** The original script's base priority of the kind. */
  base: number;
  /** Weights of the model. */
  weightsGiB: number;
  /** Cells of the model in the plan. */
  cellsOfModel: number;
  /** Cells that wait for this one, directly or not. */
  blocks: number;
  /** Units of work of the cell: benchmarks of an evaluation, edits of a batch. */
  units: number;
  /** The cells on each chain that follows this one. */
  chains: Step[][];
}

export interface Ticket {
  id: string;
  /** Workspace and cell: two tickets of one key never run at once. */
  key: string;
  cell: string;
  /** Names the run's progress record: a workspace and a suite. */
  run: string;
  standing: Standing;
  needs: Needs;
  limits: Limits;
  /** Since when the cell waits; a retry keeps that of its first ticket. */
  queuedAtMs: number;
  /** A retry that still backs off: it keeps its place and takes nothing before. */
  notBeforeMs: number;
  /** Bytes of weights the cell made in earlier passes and can rebuild: evicted where nothing else helps. */
  droppableBytes: number;
}

export interface Lease {
  id: string;
  key: string;
  cell: string;
  run: string;
  model: string;
  kind: CellKind;
  /** UUIDs. */
  gpus: string[];
  gibPerGpu: number;
  cpuSlots: number;
  ramGiB: number;
  diskBytes: number;
  diskDevice: string;
  sharing: Sharing;
  /** Units of work it was given for. */
  units: number;
  grantedAtMs: number;
  /** Planned duration. */
  seconds: number;
}

export interface Gpu {
  uuid: string;
  index: number;
  totalGiB: number;
  freeGiB: number;
  /** A compute process that belongs to no lease runs on it. */
  busy: boolean;
  /** Memory that processes of leases use now, by lease; what is not known counts as unused. */
  usedByLease: Record<string, number>;
}

export interface Host {
  gpus: Gpu[];
  ramGiB: number;
  /** Free bytes by device of the weights stores. */
  freeDiskBytes: Record<string, number>;
}

/** What is known of a run: finished cells by model, and measured seconds of a unit by `model/kind`. */
export interface Progress {
  done: Record<string, number>;
  total: Record<string, number>;
  seconds: Record<string, number>;
}

export interface SchedulerState {
  host: Host;
  leases: Lease[];
  tickets: Ticket[];
  /** By `run`. */
  progress: Record<string, Progress>;
  /** Since when no lease is held; null while one is. */
  idleSinceMs: number | null;
}

export interface Grant {
  ticket: Ticket;
  gpus: string[];
  cpuSlots: number;
  ramGiB: number;
  /** The parts that fit the disk now; all of them for most cells. */
  parts: string[];
  diskBytes: number;
  /** Weights that the cell made in earlier passes have to be evicted first. */
  evict: boolean;
  units: number;
  seconds: number;
}

/** A ticket that nothing on this host can ever serve as things stand. */
export interface Refusal {
  ticket: Ticket;
  reason: string;
}

export interface Decision {
  grants: Grant[];
  refusals: Refusal[];
}
