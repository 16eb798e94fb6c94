// Whether to install flash attention on a host, and how; a pure function of what the host has.

export interface FlashHost {
  /** Why no suite wants it; undefined: one does. */
  unwanted: string | undefined;
  /** Of the GPUs of the pool: `sm90`. */
  architectures: readonly string[];
  /** The CUDA this torch is built for; null in a build for CPUs. */
  cuda: string | null;
  /** The release of nvcc; undefined: there is none. */
  nvcc: string | undefined;
  /** Whether there is a C++ compiler. */
  compiler: boolean;
  /** Whether Python.h is there. */
  headers: boolean;
}

export type FlashPlan =
  | { how: 'none'; why: string }
  /** A wheel where one fits; else, where nothing speaks against it, compiled. */
  | { how: 'install'; noCompiling: string | undefined };

/** The oldest architecture flash attention 2 has kernels for. */
const OLDEST = 80;

export function planFlash(host: FlashHost): FlashPlan {
  if (host.unwanted !== undefined) return { how: 'none', why: host.unwanted };
  if (host.architectures.length === 0) return { how: 'none', why: 'no NVIDIA GPU' };
  if (host.cuda === null) return { how: 'none', why: 'torch is built for CPUs' };
  const old = host.architectures.find((name) => numberOf(name) < OLDEST);
  if (old !== undefined) return { how: 'none', why: `a GPU is ${old}, and it needs sm${OLDEST} or newer` };
  return { how: 'install', noCompiling: noCompiling(host, host.cuda) };
}

function noCompiling({ nvcc, compiler, headers }: FlashHost, cuda: string): string | undefined {
  if (nvcc === undefined) return 'there is no nvcc to compile one';
  if (major(nvcc) !== major(cuda)) {
    return `nvcc ${nvcc} compiles nothing for torch's CUDA ${cuda}`;
  }
  if (!compiler) return 'there is no C++ compiler to compile one';
  return headers ? undefined : 'there is no Python.h to compile one (apt-get install python3-dev)';
}

/** `FLASH_ATTN_CUDA_ARCHS` of the package's own build: only what this host runs, which is a fraction of the time. */
export function buildTargets(architectures: readonly string[]): string {
  const known = architectures.map((name) => {
    const number = numberOf(name);
    // Kernels of 8.0 serve all of 8.x.
    return number < 90 ? 80 : number - (number % 10);
  });
  return [...new Set(known)].sort((a, b) => a - b).join(';');
}

function numberOf(architecture: string): number {
  return Number(/^sm(\d+)/.exec(architecture)?.[1] ?? 0);
}

function major(version: string): string {
  return version.split('.')[0] ?? '';
}
