// Reads GPUs from nvidia-smi; the parsers are pure.
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/** One GPU as nvidia-smi reports it. Memory in GiB (nvidia-smi's MiB / 1024). */
export interface GpuReading {
  index: number;
  uuid: string;
  totalGiB: number;
  freeGiB: number;
  /** `sm90` for compute capability 9.0. */
  architecture: string;
}

export const GPU_QUERY = [
  '--query-gpu=index,uuid,memory.total,memory.free,compute_cap',
  '--format=csv,noheader,nounits',
];
export const PROCESS_QUERY = [
  '--query-compute-apps=gpu_uuid,pid,used_gpu_memory',
  '--format=csv,noheader,nounits',
];

const TIMEOUT_MS = 10_000;
/** How long a killed nvidia-smi may take to end; one that hangs in its driver never does. */
const END_MS = 1_000;

/**
 * Run nvidia-smi; undefined when the host has none.
 *
 * @throws Error when it is there but fails or hangs: a broken driver is not a host without GPUs.
 */
export async function runNvidiaSmi(
  args: readonly string[],
  timeoutMs = TIMEOUT_MS,
): Promise<string | undefined> {
  const silence = new AbortController();
  const hangs = sleep(timeoutMs + END_MS, undefined, { signal: silence.signal }).then(() => {
    throw failure(noAnswer(timeoutMs));
  });
  try {
    return await Promise.race([answerOf(args, timeoutMs), hangs]);
  } finally {
    silence.abort();
    hangs.catch(() => undefined);
  }
}

async function answerOf(args: readonly string[], timeoutMs: number): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)('nvidia-smi', [...args], {
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    return stdout;
  } catch (error) {
    const thrown = error as NodeJS.ErrnoException & { stdout?: string; stderr?: string; killed?: boolean };
    if (thrown.code === 'ENOENT') return undefined;
    const said = `${thrown.stdout ?? ''}${thrown.stderr ?? ''}`.trim().split('\n')[0] ?? '';
    throw failure(thrown.killed === true ? noAnswer(timeoutMs) : said || thrown.message);
  }
}

const noAnswer = (timeoutMs: number): string => `gave no answer in ${timeoutMs / 1_000} s`;

function failure(cause: string): Error {
  return new Error(
    `nvidia-smi failed: ${cause}. Mend the driver, or set accelerator: cpu in workspace-config/site.yaml to run without GPUs.`,
  );
}

export interface GpuReadings {
  gpus: GpuReading[];
  /** Lines without usable figures (`[N/A]`, as for a GPU that fell off the bus): such a GPU is never granted. */
  broken: string[];
}

/** Parse the answer to GPU_QUERY. */
export function parseGpus(csv: string): GpuReadings {
  const readings: GpuReadings = { gpus: [], broken: [] };
  for (const line of lines(csv)) {
    const [index, uuid, total, free, capability] = line.split(',').map((value) => value.trim());
    const reading = {
      index: Number(index),
      uuid: uuid ?? '',
      totalGiB: gib(total),
      freeGiB: gib(free),
      architecture: `sm${(capability ?? '').replace('.', '')}`,
    };
    const whole =
      /^\d+$/.test(index ?? '') &&
      /^(GPU|MIG)-/.test(reading.uuid) &&
      Number.isFinite(reading.totalGiB) &&
      Number.isFinite(reading.freeGiB) &&
      /^\d+\.\d+$/.test(capability ?? '');
    if (whole) readings.gpus.push(reading);
    else readings.broken.push(line);
  }
  return readings;
}

/** A compute process on a GPU; memory in GiB, undefined where the driver does not tell (containers). */
export interface GpuProcess {
  uuid: string;
  pid: number;
  usedGiB: number | undefined;
}

/** Parse the answer to PROCESS_QUERY. */
export function parseProcesses(csv: string): GpuProcess[] {
  return lines(csv).flatMap((line) => {
    const [uuid = '', pid, used] = line.split(',').map((value) => value.trim());
    if (!/^(GPU|MIG)-/.test(uuid)) return [];
    const usedGiB = gib(used);
    return { uuid, pid: Number(pid), usedGiB: Number.isFinite(usedGiB) ? usedGiB : undefined };
  });
}

/** nvidia-smi's MiB; NaN for anything that is no plain number, an empty field included. */
function gib(mib: string | undefined): number {
  return /^\d+(\.\d+)?$/.test(mib ?? '') ? Number(mib) / 1024 : NaN;
}

function lines(csv: string): string[] {
  return csv
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
