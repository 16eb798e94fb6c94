// The lease request of a cell: its place in the plan, what it needs, and what its site allows.
import type { LeaseRequest } from '../lease/ticket.js';
import { usableGiB } from '../lease/policy/fit.js';
import { deviceOf } from '../../host/host.js';
import type { Limits, Needs, PartBytes, Standing } from '../lease/policy/state.js';
import { GIB } from '../../base/units.js';
import {
  perDeviceGiB,
  plannedMemory,
  type Devices,
  type MemorySettings,
  type PlannedMemory,
} from '../../suite/memory/memory-plan.js';
import { storedGiB, type SizedCell } from '../../suite/memory/memory.js';
import { suiteOf } from '../../suite/plan/planned.js';
import { readProfile } from '../../suite/memory/profiles.js';
import { basePriority } from '../../suite/plan/priority.js';
import { cellsWithReceipt } from '../records/finished-cells.js';
import { minuteNotes, noteProgress } from '../progress/note-progress.js';
import type { PendingPart } from '../records/pending-part.js';
import { minFreeDiskGiB } from '../store/disk-plan.js';
import type { CellContext } from './context.js';
import type { Retries } from './retry/adjustment.js';

/** What earlier passes of the same cell leave to this one. */
export interface EarlierPasses {
  /** Parts that they made: where the site has weights evicted, theirs may be. */
  made: readonly PendingPart[];
  /** Since when the cell waits (`monotonicMs`). */
  queuedAtMs: number;
  retries: Retries;
}

/** The request for the parts still to be made. */
export function leaseRequest(
  context: CellContext,
  pending: readonly PendingPart[],
  { made, queuedAtMs, retries }: EarlierPasses,
): LeaseRequest {
  const { cell, workspaceRoot, project, settings, machine } = context;
  return {
    key: `${workspaceRoot}#${cell}`,
    cell,
    workspace: workspaceRoot,
    standing: standingOf(context),
    needs: ticketNeeds(context, pending, retries.adjustment.extraGpus),
    limits: limitsOf(context),
    poolGiB: machine.pool.map(({ totalGiB }) => totalGiB),
    storageRoot: settings.storageRoot,
    queuedAtMs,
    notBeforeMs: retries.notBeforeMs,
    attempt: retries.reports.length + 1,
    droppableBytes: settings.storageKeep === 'all' ? 0 : weightsIn(made) * Math.ceil(modelGiB(context) * GIB),
    finished: () => cellsWithReceipt(workspaceRoot, suiteOf(project)),
    onWaiting: () => void noteProgress(context, context.directory),
    onTick: context.job === undefined ? minuteNotes(context.directory, context.log) : () => undefined,
  };
}

function standingOf(context: CellContext): Standing {
  const { options, project, schedule } = context;
  const { kind, model } = options;
  return {
    suite: suiteOf(project),
    model,
    kind,
    base: basePriority(kind, project.split('.').at(-1) ?? ''),
    weightsGiB: modelGiB(context),
    ...schedule,
  };
}

/** As the baseline's manifest tells, once there is one. */
function modelGiB(context: CellContext): number {
  const manifest = context.reads.find(({ manifest: found }) => found !== undefined)?.manifest;
  return manifest === undefined ? storedGiB(sizedCell(context)) : manifest.value.bytes / GIB;
}

/** With what was known of the model's size when its projects were made. */
function sizedCell({ options, schedule }: CellContext): CellContext['options'] & SizedCell {
  return { ...options, sourceGiB: schedule.sourceGiB };
}

function ticketNeeds(context: CellContext, pending: readonly PendingPart[], extraGpus: number): Needs {
  const { machine, options, project, settings, log, workspaceRoot } = context;
  const profile = readProfile(workspaceRoot, suiteOf(project), options.model, log);
  const devices = poolDevices(machine.pool, settings);
  const planned = plannedMemory(sizedCell(context), profile, settings, devices);
  if (planned.fits && planned.note !== '') log(planned.note);
  const needs = needsOf(planned);
  const gpus = needs.gpus === 0 ? 0 : withExtra(needs.gpus, extraGpus, devices.count);
  const gibPerGpu = gpus === needs.gpus ? needs.gibPerGpu : planned.requiredGiB / gpus;
  return { ...needs, gpus, gibPerGpu, writes: writesOf(context, pending) };
}

/** What a lease takes of a host for a cell so planned. */
export function needsOf({ gpus, gibPerGpu, hostRamGiB }: PlannedMemory): Omit<Needs, 'writes'> {
  return { gpus, gibPerGpu, cpuSlots: 1, ramGiB: hostRamGiB };
}

/** The GPUs of a pool as plans count them: each as it is. */
export function poolDevices(pool: readonly { totalGiB: number }[], settings: MemorySettings): Devices {
  if (pool.length === 0) return { count: 0, usableGiB: perDeviceGiB(settings, undefined) };
  const eachGiB = pool
    .map(({ totalGiB }) => perDeviceGiB(settings, usableGiB(totalGiB)))
    .sort((one, other) => other - one);
  const smallest = eachGiB.at(-1) ?? 0;
  const differ = eachGiB.some((gib) => gib !== smallest);
  return { count: pool.length, usableGiB: smallest, ...(differ ? { eachGiB } : {}) };
}

/** More GPUs than planned only as far as the pool goes; a plan beyond the pool stays what it is, and is refused. */
function withExtra(planned: number, extra: number, pool: number): number {
  return Math.max(planned, Math.min(pool, planned + extra));
}

function weightsIn(parts: readonly PendingPart[]): number {
  return parts.filter(({ part }) => part.link !== undefined).length;
}

/** Edits and errors are stored as their baseline is: as many bytes, if nothing can be hard-linked; what a program wrote is there too meanwhile. */
function writesOf(context: CellContext, pending: readonly PendingPart[]): PartBytes[] {
  const copies = context.options.kind === 'program' ? 2 : 1;
  const bytes = copies * Math.ceil(modelGiB(context) * GIB);
  return pending
    .filter(({ part }) => part.link !== undefined)
    .map(({ part }) => ({ part: part.name, bytes }));
}

function limitsOf(context: CellContext): Limits {
  const { settings, machine } = context;
  return {
    gpus: machine.pool.map(({ uuid }) => uuid),
    cpuSlots: settings.cpuSlots,
    minFreeGiB: settings.minFreeGiB,
    requireIdle: settings.requireIdle,
    toleranceGiB: settings.memoryToleranceGiB,
    sharing: settings.sharing,
    strategy: settings.strategy,
    nvidiaSmiMs: settings.nvidiaSmiSeconds * 1_000,
    gpuLocks: settings.gpuLocks,
    disk: {
      device: deviceOf(settings.storageRoot),
      minFreeBytes: minFreeDiskGiB(settings.minFreeDiskGiB, context.schedule.suiteGiB) * GIB,
    },
  };
}
