// What an answer of nvidia-smi says of the GPUs: which can be used, which cannot and why, and what else it has to say.
// Pure. The table of what it may say is test/host/smi-table.ts and docs/gpu-drivers.md.
import { fail, ok, type Result } from '../base/result.js';
import type { SmiAnswer } from './nvidia-smi.js';

/** One GPU as nvidia-smi reports it. Memory in GiB (nvidia-smi's MiB / 1024). */
export interface GpuReading {
  index: number;
  uuid: string;
  totalGiB: number;
  freeGiB: number;
  /** `sm90` for compute capability 9.0; `unknown` where the driver is too old to tell. */
  architecture: string;
  /** It computes in the host's memory: what that is, nvidia-smi does not tell. */
  unified?: true;
}

/** A GPU that gets no cell. */
export interface LostGpu {
  /** As far as its line tells. */
  index: number | undefined;
  uuid: string | undefined;
  why: 'mig' | 'unusable';
  /** A clause: `nvidia-smi reports a GPU without usable figures: "…"`. */
  message: string;
}

export interface GpuReadings {
  gpus: GpuReading[];
  lost: LostGpu[];
  /** What else it said, a sentence each. */
  notes: string[];
}

/** In this order at the head of every row. */
export const GPU_FIELDS = ['index', 'uuid', 'memory.total', 'memory.free'] as const;
/** What an older driver may not know, after them. */
export const LATER_FIELDS = ['compute_cap', 'mig.mode.current'] as const;
export type LaterField = (typeof LATER_FIELDS)[number];

/** With these it has nothing to say of any GPU, whatever it printed: its arguments, its driver or its library are wrong. */
const SAYS_NOTHING: ReadonlySet<number> = new Set([2, 9, 12, 126, 127]);

/** GPUs that are part of a system on a chip (TX1, TX2, Xavier, Orin, Thor, GB10): their memory is the host's. */
const UNIFIED: ReadonlySet<string> = new Set(['5.3', '6.2', '7.2', '8.7', '10.1', '11.0', '12.1']);

const UNKNOWN = /^\[?(N\/A|Not Supported|Unknown Error|Insufficient Permissions)\]?$/i;

/** The fields of a question that this driver does not know. */
export function unknownFields(answer: SmiAnswer): LaterField[] {
  const said = `${answer.stdout}\n${answer.stderr}`;
  return LATER_FIELDS.filter((field) => said.includes(`"${field}" is not a valid field`));
}

/** The GPUs of an answer; where it tells of none, why. */
export function judgeGpus(
  answer: SmiAnswer,
  later: readonly LaterField[] = LATER_FIELDS,
): Result<GpuReadings, string> {
  const lines = linesOf(answer);
  const said = lines.filter((line) => !isRow(line) && !/^index\b/i.test(line));
  if (SAYS_NOTHING.has(answer.exitCode)) return fail(failureOf(said, answer));
  const gone = said.filter((line) => FELL_OFF.test(line));
  const found: GpuReadings = {
    gpus: [],
    // Its driver does not say which of the indices it had.
    lost: gone.map((line) => ({ index: undefined, uuid: undefined, why: 'unusable', message: quoted(line) })),
    notes: notesOf(
      said.filter((line) => !gone.includes(line)),
      gone.length > 0 ? 0 : answer.exitCode,
    ),
  };
  for (const line of lines.filter(isRow)) {
    const read = readRow(line, later);
    const twice =
      read.ok && found.gpus.some(({ uuid, index }) => uuid === read.value.uuid || index === read.value.index);
    if (twice) found.lost.push(lost(line, 'names an index or UUID twice'));
    else if (read.ok) found.gpus.push(read.value);
    else found.lost.push(read.error);
  }
  if (found.gpus.length > 0 || found.lost.some(({ why }) => why === 'mig')) return ok(found);
  const rows = found.lost.filter(({ index, uuid }) => index !== undefined || uuid !== undefined);
  return fail(rows.length > 0 ? rows.map(({ message }) => message).join('; ') : failureOf(said, answer));
}

function isRow(line: string): boolean {
  return /^\d+\s*,/.test(line);
}

function readRow(line: string, later: readonly LaterField[]): Result<GpuReading, LostGpu> {
  const values = line.split(',').map((value) => value.trim());
  const [index = '', uuid = '', total, free, ...more] = values;
  const fields = new Map(later.map((field, at) => [field, more[at]]));
  const wanted = GPU_FIELDS.length + later.length;
  if (values.length !== wanted) return fail(lost(line, `has ${values.length} of ${wanted} figures`));
  if (!/^GPU-[\w-]+$/.test(uuid)) return fail(lost(line, 'has no UUID'));
  if (/^enabled$/i.test(fields.get('mig.mode.current') ?? '')) return fail(slices(index, uuid));
  const capability = fields.get('compute_cap');
  if (capability !== undefined && !/^\d+\.\d+$/.test(capability)) return fail(lost(line));
  const architecture = capability === undefined ? 'unknown' : `sm${capability.replace('.', '')}`;
  const about = { index: Number(index), uuid, architecture };
  const [totalGiB, freeGiB] = [gib(total), gib(free)];
  if (UNKNOWN.test(total ?? '') && UNKNOWN.test(free ?? '') && UNIFIED.has(capability ?? '')) {
    return ok({ ...about, totalGiB: 0, freeGiB: 0, unified: true });
  }
  if (!Number.isFinite(totalGiB) || !Number.isFinite(freeGiB) || totalGiB === 0) return fail(lost(line));
  if (freeGiB > totalGiB) return fail(lost(line, 'has more free memory than it has'));
  return ok({ ...about, totalGiB, freeGiB });
}

function lost(line: string, why = 'has no usable figures'): LostGpu {
  const [index = '', uuid = ''] = line.split(',').map((value) => value.trim());
  return {
    index: /^\d+$/.test(index) ? Number(index) : undefined,
    uuid: /^GPU-[\w-]+$/.test(uuid) ? uuid : undefined,
    why: 'unusable',
    message: `nvidia-smi reports a GPU that ${why}, and that gets no cell: "${line}"`,
  };
}

function slices(index: string, uuid: string): LostGpu {
  return {
    index: Number(index),
    uuid,
    why: 'mig',
    message: `GPU ${index} (${uuid}) has MIG on: its slices are not leased, and it gets no cell. nvidia-smi -i ${index} -mig 0 turns MIG off.`,
  };
}

const LONGEST_NOTE = 200;

const quoted = (line: string): string => `nvidia-smi says: "${line.slice(0, LONGEST_NOTE)}"`;

/** A GPU that is in the machine, and in no row. */
const FELL_OFF = /unable to determine the device handle|is lost\b/i;

/** What it said beside its rows, quoted; of an end that is no good one at least that. */
function notesOf(said: readonly string[], exitCode: number): string[] {
  const notes = said.map(quoted);
  return notes.length === 0 && exitCode !== 0 ? [`nvidia-smi ended with code ${exitCode}`] : notes;
}

/** Why there is no GPU in an answer: what it said, else how it ended. */
function failureOf(said: readonly string[], { exitCode }: SmiAnswer): string {
  const text = said.slice(0, 3).join(' ').slice(0, LONGEST_NOTE);
  if (text !== '') return exitCode === 0 ? `"${text}"` : `${text} (code ${exitCode})`;
  return exitCode === 0 ? 'it printed no GPU' : `it ended with code ${exitCode} and said nothing`;
}

/** A compute process on a GPU. */
export interface GpuProcess {
  uuid: string;
  /** Undefined where the driver does not tell who it is. */
  pid: number | undefined;
  /** GiB; undefined where the driver does not tell (containers). */
  usedGiB: number | undefined;
}

export interface ProcessReadings {
  processes: GpuProcess[];
  /** It does not tell who computes on which GPU: none counts as idle. */
  unknown: boolean;
  notes: string[];
}

export const PROCESS_FIELDS = ['gpu_uuid', 'pid', 'used_gpu_memory'] as const;

/** What it says when a GPU is missing or ill: nothing about who computes on the others. */
const OF_THE_GPUS = /^warning\b/i;

export function judgeProcesses(answer: SmiAnswer): Result<ProcessReadings, string> {
  const lines = linesOf(answer).filter((line) => !/^(gpu_uuid\b|no running .*processes found)/i.test(line));
  const rows = lines.filter((line) => /^(GPU|MIG)-[\w-]+\s*,/.test(line));
  const said = lines.filter((line) => !rows.includes(line));
  const strange = said.filter((line) => !OF_THE_GPUS.test(line) && !FELL_OFF.test(line));
  const { exitCode } = answer;
  const isFailure = exitCode !== 0 && rows.length === 0 && (said.length === 0 || strange.length > 0);
  if (SAYS_NOTHING.has(exitCode) || isFailure) return fail(failureOf(said, answer));
  return ok({
    processes: rows.map((line) => {
      const [uuid = '', pid = '', used] = line.split(',').map((value) => value.trim());
      const usedGiB = gib(used);
      return {
        uuid,
        pid: /^[1-9]\d*$/.test(pid) ? Number(pid) : undefined,
        usedGiB: Number.isFinite(usedGiB) ? usedGiB : undefined,
      };
    }),
    unknown: strange.length > 0,
    notes: strange.map(
      (line) =>
        `nvidia-smi does not tell who computes on the GPUs ("${line.slice(0, LONGEST_NOTE)}"), so none counts as idle. GPU_REQUIRE_IDLE=false goes by their free memory alone.`,
    ),
  });
}

/** nvidia-smi's MiB; NaN for anything that is no plain number, an empty field included. */
function gib(mib: string | undefined): number {
  const number = /^(\d+(?:\.\d+)?)(?:\s*MiB)?$/.exec(mib ?? '')?.[1];
  return number === undefined ? NaN : Number(number) / 1024;
}

function linesOf({ stdout, stderr }: SmiAnswer): string[] {
  return `${stdout}\n${stderr}`
    .replaceAll('\u0000', '')
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
