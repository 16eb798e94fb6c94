// Reads GPUs from nvidia-smi; the parsers are pure.
import { execFile } from 'node:child_process';
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
export const PROCESS_QUERY = ['--query-compute-apps=gpu_uuid,pid', '--format=csv,noheader,nounits'];

const TIMEOUT_MS = 10_000;

/**
 * Run nvidia-smi; undefined when the host has none.
 *
 * @throws Error when it is there but fails or hangs: a broken driver is not a host without GPUs.
 */
export async function runNvidiaSmi(args: readonly string[]): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)('nvidia-smi', [...args], {
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    return stdout;
  } catch (error) {
    const failure = error as NodeJS.ErrnoException & { stdout?: string; stderr?: string; killed?: boolean };
    if (failure.code === 'ENOENT') return undefined;
    const said = `${failure.stdout ?? ''}${failure.stderr ?? ''}`.trim().split('\n')[0] ?? '';
    const cause =
      failure.killed === true ? `gave no answer in ${TIMEOUT_MS / 1000} s` : said || failure.message;
    throw new Error(
      `nvidia-smi failed: ${cause}. Mend the driver, or set accelerator: cpu in workspace-config/site.yaml to run without GPUs.`,
    );
  }
}

/**
 * Parse the answer to GPU_QUERY.
 *
 * @throws Error naming the line when a value is missing (`[N/A]`, as for a GPU that fell off the bus).
 */
export function parseGpus(csv: string): GpuReading[] {
  return lines(csv).map((line) => {
    const [index, uuid, total, free, capability] = line.split(',').map((value) => value.trim());
    const reading = {
      index: Number(index),
      uuid: uuid ?? '',
      totalGiB: Number(total) / 1024,
      freeGiB: Number(free) / 1024,
      architecture: `sm${(capability ?? '').replace('.', '')}`,
    };
    const whole =
      Number.isInteger(reading.index) &&
      /^(GPU|MIG)-/.test(reading.uuid) &&
      Number.isFinite(reading.totalGiB) &&
      Number.isFinite(reading.freeGiB) &&
      /^\d+\.\d+$/.test(capability ?? '');
    if (!whole) throw new Error(`nvidia-smi reports a GPU without usable figures: "${line}"`);
    return reading;
  });
}

/** UUIDs of GPUs on which a compute process runs, from the answer to PROCESS_QUERY. */
export function parseBusyGpus(csv: string): Set<string> {
  return new Set(lines(csv).flatMap((line) => line.split(',')[0]?.trim() ?? []));
}

function lines(csv: string): string[] {
  return csv
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
