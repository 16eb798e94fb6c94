// The memory plan: what each cell needs, by its model's profile, before its download by the sizes of its files, or by its
// name; and whether these GPUs can give it. Pure; sizes in GiB. Formulas: docs/formulas.md#memory-plan.
import { GIB } from '../../base/units.js';
import { z } from 'zod';
import type { CellKind, CellOptions, SizeClass } from '../model/cell.js';
import type { JsonValue } from '../../base/json-value.js';
import { gpusAsked, requiredGiB, usesAccelerator, weightsGiB, type SizedCell } from './memory.js';
import { fail, ok, type Result } from '../../base/result.js';
import type { SiteSettings } from '../settings/settings.js';
import { taskName } from '../model/task-names.js';

/** Sizes of a model, from `model_profile.json`. */
export interface ModelProfile {
  weightsGiB: number;
  /** Of these, what a token goes through: less than all of a mixture of experts. */
  activeGiB: number;
  layers: number;
  kvHeads: number;
  headDim: number;
  /** null: no limit, as where positions are told by distance (ALiBi). */
  maxPositions: number | null;
  dtypeBytes: number;
  /** Where the profile tells, which one of an earlier version does not. */
  vocabulary?: number;
}

/** Largest values that are sizes of a model, and none of a broken file. */
const MOST_BYTES = 2 ** 50;
const MOST = 2 ** 30;
const count = (most = MOST): z.ZodNumber => z.number().int().positive().max(most);
const profileSchema = z.object({
  weights_bytes: count(MOST_BYTES),
  active_weights_bytes: count(MOST_BYTES).optional(),
  hidden_size: count(),
  num_layers: count(),
  num_heads: count(),
  num_kv_heads: count(),
  max_position_embeddings: count().nullable(),
  dtype_bytes: count(16),
  head_dim: count().optional(),
  vocab_size: count().optional(),
});

/** The profile in a `model_profile.json`, or what is wrong with it: the plan is then by name. */
export function parseProfile(text: string): Result<ModelProfile, string> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return fail('is no JSON');
  }
  const parsed = profileSchema.safeParse(json);
  if (!parsed.success) return fail(wrongSize(json, parsed.error.issues[0]?.path[0]));
  const raw = parsed.data;
  return ok({
    weightsGiB: raw.weights_bytes / GIB,
    activeGiB: (raw.active_weights_bytes ?? raw.weights_bytes) / GIB,
    layers: raw.num_layers,
    kvHeads: raw.num_kv_heads,
    headDim: raw.head_dim ?? raw.hidden_size / raw.num_heads,
    maxPositions: raw.max_position_embeddings,
    dtypeBytes: raw.dtype_bytes,
    ...(raw.vocab_size === undefined ? {} : { vocabulary: raw.vocab_size }),
  });
}

function wrongSize(json: unknown, key: PropertyKey | undefined): string {
  if (typeof json !== 'object' || json === null || Array.isArray(json) || key === undefined) {
    return 'is not an object with the sizes of a model';
  }
  const value = (json as Record<PropertyKey, unknown>)[key];
  if (value === undefined) return `has no ${String(key)}`;
  const shown = JSON.stringify(value);
  const short = shown.length > 40 ? `${shown.slice(0, 40)} …` : shown;
  return `${String(key)} is ${short}, which is no such size`;
}

/** Keys and values of `batch` sequences of `tokens`: 2 · layers · b · s · kv_heads · head_dim · dtype_bytes. */
export function kvGiB(profile: ModelProfile, batch: number, tokens: number): number {
  const { layers, kvHeads, headDim, dtypeBytes } = profile;
  return (2 * layers * batch * tokens * kvHeads * headDim * dtypeBytes) / GIB;
}

export type MemorySettings = Pick<
  SiteSettings,
  | 'memoryPlan'
  | 'memoryAdaptive'
  | 'memoryToleranceGiB'
  | 'gpuMemoryGiB'
  | 'gpuMemoryPerDeviceGiB'
  | 'loadOverheadGiB'
  | 'editOverheadGiB'
  | 'batchEditOverheadGiB'
  | 'evalOverheadGiB'
  | 'invarlockOverheadGiB'
  | 'evalContextLength'
>;

export type MemoryCell = Pick<CellOptions, 'kind' | 'sizeClass' | 'parts'> & SizedCell;

export interface MemoryNeed {
  /** Where the model itself goes, or what is made of it: an accelerator where there is one, or the host only. */
  device: 'gpu' | 'host';
  /** Memory of that device; of a GPU cell over all its GPUs. */
  gib: number;
  /** Of a cell that computes on one GPU, however much is planned for it: what it uses there. */
  onOneGpuGiB?: number;
  /** Of a program, which nobody knows: so many GPUs, all of each. */
  wholeGpus?: number;
  /** Memory of the host beside GPUs. */
  ramGiB: number;
  /** The same where the model is loaded straight to several GPUs. */
  spreadRamGiB?: number;
  /** Memory of the host where the cell runs there, be it for want of a GPU. */
  hostGiB: number;
  from: Basis;
}

/**
 * What a plan goes by: the sizes in the profile that the setup writes; before it those of the model's files at the hub or
 * in its directory; at last what the model's name says.
 */
export type Basis = 'name' | 'source' | 'profile';

/** lm-eval's own limit for `auto` without a number. */
const AUTO_BATCH = 64;
/** Python with torch, transformers, lm-eval and InvarLock imported. */
const PROCESS_GIB = 1;
/** The same while it fetches data sets and prepares them, some hundred rows at a time. */
const DATA_RAM_GIB = 2;
/** Largest tensors (embeddings, fused experts) are some 2 % of the weights; streaming holds at most four at a time. */
const STREAMING_SHARE = 0.08;
/** CUDA's libraries in the memory of the host: 1.55 GiB in all on an H100 host. */
const CUDA_RAM_GIB = 0.5;
/** What InvarLock's variance guard scales, and copies before: 27 % of a LLaMA. */
const INVARLOCK_SHARE = 0.3;
/** CUDA's context and libraries on a GPU, and the six largest tensors that an edit holds there at most. */
const EDIT_GPU_GIB = 2;
const EDIT_GPU_SHARE = 0.12;
/** What an edit on a GPU takes of the host beyond streaming: CUDA's libraries, and copies on their way to the disk. */
const EDIT_RAM_GIB = 1.75;

/** What a cell needs. By name or source it is base × multiplier × margin; by profile the sum of what it holds, and headroom. */
export function memoryNeed(
  cell: MemoryCell,
  profile: ModelProfile | undefined,
  settings: MemorySettings,
): MemoryNeed {
  const { kind, sizeClass, sourceGiB } = cell;
  const weights = profile?.weightsGiB ?? sourceGiB ?? weightsGiB(sizeClass);
  const from = profile !== undefined ? 'profile' : sourceGiB !== undefined ? 'source' : 'name';
  if (kind === 'data')
    return { device: 'host', gib: DATA_RAM_GIB, ramGiB: DATA_RAM_GIB, hostGiB: DATA_RAM_GIB, from };
  const streaming = PROCESS_GIB + 0.5 + STREAMING_SHARE * weights;
  const reference =
    profile === undefined ? requiredGiB(kind, sizeClass, sourceGiB) : byProfile(cell, profile, settings);
  const asReference = settings.memoryPlan === 'reference';
  if (kind === 'program') {
    // Beside the model as the program holds it, in 16 bits or twice in 32, what takes its output in.
    const hostGiB = PROCESS_GIB + reference;
    const wholeGpus = gpusAsked(cell);
    const on = wholeGpus > 0 ? { device: 'gpu' as const, wholeGpus } : { device: 'host' as const };
    return { ...on, gib: hostGiB, ramGiB: hostGiB, hostGiB, from };
  }
  if (kind === 'edit') {
    const onOneGpuGiB = EDIT_GPU_GIB + EDIT_GPU_SHARE * weights;
    const gib = asReference ? reference : onOneGpuGiB;
    const hostGiB = asReference ? reference : streaming;
    return { device: 'gpu', gib, onOneGpuGiB, ramGiB: streaming + EDIT_RAM_GIB, hostGiB, from };
  }
  if (usesAccelerator(kind)) {
    const loadedRamGiB = streaming + CUDA_RAM_GIB;
    const spreadRamGiB = kind === 'eval' ? loadedRamGiB : loadedRamGiB + INVARLOCK_SHARE * weights;
    // InvarLock loads a model for one GPU into the host's memory first; what its guards keep there later is less. An
    // evaluation loads each tensor to its GPU; pages of mapped files cost nobody.
    const ramGiB = kind === 'eval' ? loadedRamGiB : PROCESS_GIB + 0.5 + CUDA_RAM_GIB + weights;
    const hostGiB = PROCESS_GIB + reference;
    if (kind === 'guards') {
      // The subject is loaded into the host's memory, beside a baseline that is on its GPUs by then, or is there too.
      const subject = { spreadRamGiB: loadedRamGiB + weights, hostGiB: hostGiB + weights };
      return { device: 'gpu', gib: reference, ramGiB, ...subject, from };
    }
    return { device: 'gpu', gib: reference, ramGiB, spreadRamGiB, hostGiB, from };
  }
  const small = kind === 'preset' || kind === 'regression';
  const gib = small ? PROCESS_GIB : asReference ? reference : streaming;
  return { device: 'host', gib, ramGiB: gib, hostGiB: gib, from };
}

/** What a process takes of a GPU before its first tensor: context, libraries, the allocator's reserve. 1.36 GiB on an H100. */
const CUDA_GIB = 1.75;

/** Models up to so much are tiny, whatever their names say. */
const TINY_GIB = 1;

/** Headroom counts no further than the model itself: a tiny one is not planned as if it needed eight GiB. */
function byProfile(cell: MemoryCell, profile: ModelProfile, settings: MemorySettings): number {
  const { weightsGiB: weights } = profile;
  const headroom = (gib: number): number =>
    cell.sizeClass === 'tiny' || weights <= TINY_GIB ? Math.min(gib, CUDA_GIB + weights) : gib;
  switch (cell.kind) {
    case 'setup':
    case 'adopt':
      return weights + headroom(settings.loadOverheadGiB);
    case 'edit':
      return cell.parts.length > 1
        ? 2 * weights + headroom(settings.batchEditOverheadGiB)
        : weights + headroom(settings.editOverheadGiB);
    case 'inject':
      return weights + headroom(settings.editOverheadGiB);
    case 'program':
      return 2 * weights + headroom(settings.loadOverheadGiB);
    case 'eval': {
      const tokens = Math.min(settings.evalContextLength, profile.maxPositions ?? Infinity);
      const batch = evalBatchCap(cell);
      const beside = Math.max(
        headroom(settings.evalOverheadGiB),
        Math.min(settings.evalOverheadGiB, CUDA_GIB + answersGiB(profile, batch * tokens)),
      );
      return weights + kvGiB(profile, batch, tokens) + beside;
    }
    case 'calibrate':
    case 'baseline':
    case 'certify':
    case 'guards':
    case 'certify012': {
      const { batch, tokens } = invarlockBatch(cell);
      return weights + kvGiB(profile, batch, tokens) + headroom(settings.invarlockOverheadGiB);
    }
    case 'preset':
    case 'regression':
      return 5;
    case 'data':
      return DATA_RAM_GIB;
  }
}

/** What an evaluation takes for its forward passes, at most: `ROOM` of validation/evaluation/prefixes/sizes.py. */
const ROOM_GIB = 3;

/** Logits of so many tokens in 16 bits and their log-softmax, as far as a forward pass has room. */
function answersGiB({ vocabulary = 0 }: ModelProfile, tokens: number): number {
  return Math.min(ROOM_GIB, (4 * vocabulary * tokens) / GIB);
}

/** The largest batch an evaluation takes: the number given, N of `auto:N`, else lm-eval's own limit. */
export function evalBatchCap({ parts }: MemoryCell): number {
  const size = parts[0]?.spec.batch_size;
  if (typeof size === 'number') return size;
  const cap = typeof size === 'string' ? /^auto:(\d+)$/.exec(size)?.[1] : undefined;
  return cap === undefined ? AUTO_BATCH : Number(cap);
}

function invarlockBatch({ parts }: MemoryCell): { batch: number; tokens: number } {
  const settings = parts[0]?.spec.invarlock;
  const number = (key: string): number => {
    const value: JsonValue | undefined =
      typeof settings === 'object' && settings !== null && !Array.isArray(settings)
        ? settings[key]
        : undefined;
    return typeof value === 'number' ? value : 1;
  };
  return { batch: number('batch_size'), tokens: number('seq_len') };
}

/** The GPUs of a host or a plan: how many, and what a cell may take of each. */
export interface Devices {
  count: number;
  /** Of each; where they differ, of the smallest. */
  usableGiB: number;
  /** Of each, the largest first, where they differ. */
  eachGiB?: readonly number[];
}

/** GPU_MEMORY_GB where nothing else is known: that of a B200, for which the original script was made. */
const SEED_GPU_GIB = 180;

/**
 * What a cell may take of one GPU: `usableGiB` of the smallest that is there, and no more than GPU_MEMORY_PER_DEVICE
 * (which is GPU_MEMORY_GB unless it is set).
 */
export function perDeviceGiB(settings: MemorySettings, usableGiB: number | undefined): number {
  const { gpuMemoryGiB: planned, gpuMemoryPerDeviceGiB: own } = settings;
  const limit = own === 'auto' ? planned : own;
  return Math.min(
    limit === 'auto' ? Infinity : limit,
    usableGiB ?? (planned === 'auto' ? SEED_GPU_GIB : planned),
  );
}

export type Placement =
  | { fits: true; gpus: number; gibPerGpu: number; note: string }
  | { fits: false; gpus: number; gibPerGpu: number; why: string };

/** Cells of so much memory may exceed what one GPU gives by SCHEDULER_MEM_TOLERANCE_GB. */
const LARGE_GIB = 140;

/**
 * GPUs for a need: ceil(required / per device), at least 1; more than there are is "does not fit", never a clamp. Where
 * sizes differ, the fewest of the largest that hold an even share each.
 */
export function place(need: MemoryNeed, devices: Devices, settings: MemorySettings): Placement {
  if (need.device === 'host') return { fits: true, gpus: 0, gibPerGpu: 0, note: '' };
  const { usableGiB, count } = devices;
  if (need.wholeGpus !== undefined) return wholeGpus(need.wholeGpus, devices);
  if (need.onOneGpuGiB !== undefined) return onOneGpu(need.gib, need.onOneGpuGiB, devices);
  const over = need.gib >= LARGE_GIB ? settings.memoryToleranceGiB : 0;
  const gpus = fewest(need.gib - over, devices);
  const gibPerGpu = need.gib / gpus;
  if (gpus <= count) return { fits: true, gpus, gibPerGpu, note: '' };
  const there = devices.eachGiB?.map((gib) => gib.toFixed(1)).join(', ');
  const are = there === undefined ? `${count}` : `${count}, of ${there} GiB`;
  const wanted = `needs ${need.gib.toFixed(1)} GiB: ${gpus} GPUs of ${usableGiB.toFixed(1)} GiB, and there are ${are}`;
  if (!settings.memoryAdaptive || count === 0) return { fits: false, gpus, gibPerGpu, why: wanted };
  return { fits: true, gpus: count, gibPerGpu: usableGiB, note: `adaptive: ${wanted}` };
}

/** The program's own number, whatever the model's size: it was written for so many. */
function wholeGpus(gpus: number, { usableGiB, count, eachGiB }: Devices): Placement {
  const gibPerGpu = eachGiB?.[gpus - 1] ?? usableGiB;
  if (gpus <= count) return { fits: true, gpus, gibPerGpu, note: '' };
  return { fits: false, gpus, gibPerGpu, why: `asks for gpus: ${gpus}, and there are ${count}` };
}

function fewest(gib: number, { usableGiB, eachGiB }: Devices): number {
  const alike = Math.max(1, Math.ceil(gib / usableGiB));
  if (eachGiB === undefined) return alike;
  const found = eachGiB.findIndex((each, at) => gib / (at + 1) <= each);
  return found < 0 ? Math.max(alike, eachGiB.length + 1) : found + 1;
}

/** What the original script plans for a whole model, though only pieces of it are on the GPU, is at most all of one GPU. */
function onOneGpu(planned: number, used: number, { usableGiB, count, eachGiB }: Devices): Placement {
  const gibPerGpu = Math.max(used, Math.min(planned, usableGiB));
  const largest = eachGiB?.[0] ?? usableGiB;
  if (count > 0 && gibPerGpu <= largest) return { fits: true, gpus: 1, gibPerGpu, note: '' };
  const gives = eachGiB === undefined ? 'each gives' : 'the largest gives';
  const why = `needs ${gibPerGpu.toFixed(1)} GiB of one GPU, and ${count > 0 ? `${gives} ${largest.toFixed(1)}` : 'there is none'}`;
  return { fits: false, gpus: 1, gibPerGpu, why };
}

/** What a cell asks of a host. */
export interface PlannedMemory {
  from: Basis;
  /** `host` also where there is no GPU: the model then lies in the host's memory. */
  device: 'gpu' | 'host';
  /** Of that device, of a GPU cell over all its GPUs. */
  requiredGiB: number;
  /** As many as it needs, also where there are fewer (`fits` is false then). */
  gpus: number;
  gibPerGpu: number;
  hostRamGiB: number;
  fits: boolean;
  /** Why it does not fit, or that it runs on fewer GPUs than planned. */
  note: string;
}

/** The one answer that leases, `plan` and analysis/memory_plan.csv go by. */
export function plannedMemory(
  cell: MemoryCell,
  profile: ModelProfile | undefined,
  settings: MemorySettings,
  devices: Devices,
): PlannedMemory {
  const need = memoryNeed(cell, profile, settings);
  const { from } = need;
  if (need.device === 'host' || (devices.count === 0 && need.wholeGpus === undefined)) {
    const gib = need.hostGiB;
    const none = { gpus: 0, gibPerGpu: 0, fits: true, note: '' };
    return { from, device: 'host', requiredGiB: gib, hostRamGiB: gib, ...none };
  }
  const placed = place(need, devices, settings);
  const { fits, gpus, gibPerGpu } = placed;
  const note = placed.fits ? placed.note : placed.why;
  const requiredGiB = need.wholeGpus === undefined ? need.gib : gpus * gibPerGpu;
  const hostRamGiB = gpus > 1 ? (need.spreadRamGiB ?? need.ramGiB) : need.ramGiB;
  return { from, device: 'gpu', requiredGiB, gpus, gibPerGpu, hostRamGiB, fits, note };
}

/** A row of the plan's table: cells of a model and task that need the same are one row. */
export interface MemoryRow extends PlannedMemory {
  model: string;
  /** The original script's name of the task. */
  task: string;
  kind: CellKind;
  sizeClass: SizeClass;
  cells: number;
  weightsGiB: number;
}

/** One row a model and task, in the order of the cells. `profiles`: of the models that have been downloaded. */
export function memoryRows(
  cells: readonly (MemoryCell & { id: string; model: string })[],
  profiles: ReadonlyMap<string, ModelProfile>,
  settings: MemorySettings,
  devices: Devices,
): MemoryRow[] {
  const rows = new Map<string, MemoryRow>();
  for (const cell of cells) {
    const [project = '', target = ''] = cell.id.split(':');
    const profile = profiles.get(cell.model);
    const memory = plannedMemory(cell, profile, settings, devices);
    const task = taskName(cell.kind, project.split('.')[2] ?? '', target);
    const key = JSON.stringify([cell.model, task, memory.requiredGiB]);
    const before = rows.get(key);
    if (before !== undefined) {
      before.cells += 1;
      continue;
    }
    rows.set(key, {
      model: cell.model,
      task,
      kind: cell.kind,
      sizeClass: cell.sizeClass,
      cells: 1,
      weightsGiB: profile?.weightsGiB ?? cell.sourceGiB ?? weightsGiB(cell.sizeClass),
      ...memory,
    });
  }
  return [...rows.values()];
}
