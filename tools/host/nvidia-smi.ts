// Runs nvidia-smi, wherever this host has it. What its answers say is judged in gpu-answer.ts.
import { execFile, type ChildProcess, type ExecFileException } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sha256 } from '../base/canonical.js';
import { identityOf, type ProcessIdentity } from './process-identity.js';
import { slurmJob } from './slurm.js';

/** What it printed, and how it ended. */
export interface SmiAnswer {
  stdout: string;
  stderr: string;
  exitCode: number;
}

/**
 * It is there, and did not tell what it was asked: whoever wants to know waits and asks again. A broken driver is not a
 * host without GPUs.
 */
export class NvidiaSmiFailure extends Error {
  constructor(
    sentence: string,
    /** The process that was given up and could not be ended. */
    readonly left?: ProcessIdentity,
  ) {
    super(sentence);
    this.name = 'NvidiaSmiFailure';
  }
}

/** The failure with its sentence: what happened, and what to do. */
export function smiFailure(cause: string, left?: ProcessIdentity): NvidiaSmiFailure {
  return new NvidiaSmiFailure(
    `nvidia-smi failed: ${cause}. Mend the driver, or set accelerator: cpu in workspace-config/site.yaml to run without GPUs.`,
    left,
  );
}

/** Of `gpus.nvidia_smi_timeout_s`: a driver that has to load itself first (persistence mode off) needs up to 20 s. */
export const DEFAULT_LIMIT_MS = 30_000;
/** How long a killed nvidia-smi may take to end; one that hangs in its driver never does. */
const END_MS = 1_000;
/** Lists of GPUs are a few kilobytes. */
const MOST_BYTES = 1 << 20;
/** Where WSL has it; not every shell there has that directory in its PATH. */
const WSL_BIN = '/usr/lib/wsl/lib';

/** Path of nvidia-smi; undefined where this host has none. */
export function findNvidiaSmi(
  path = process.env.PATH ?? '',
  more: readonly string[] = [WSL_BIN],
): string | undefined {
  const places = [...path.split(delimiter), ...more].map((directory) => join(directory || '.', 'nvidia-smi'));
  const files = places.filter(isFile);
  // One that may not be run is one all the same: that it fails is told.
  return files.find(mayRun) ?? files[0];
}

/** Names what nvidia-smi shows to this process: an answer that another view got is none for this one. */
export function deviceView(environment: NodeJS.ProcessEnv = process.env): string {
  const { PATH, NVIDIA_VISIBLE_DEVICES: ofContainer = '' } = environment;
  const job = slurmJob(environment)?.view ?? '';
  return sha256(JSON.stringify([findNvidiaSmi(PATH ?? '') ?? '', ofContainer, job])).slice(0, 12);
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function mayRun(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Run nvidia-smi; undefined when the host has none.
 *
 * @throws NvidiaSmiFailure when it cannot be run, hangs or is killed.
 */
export async function runNvidiaSmi(
  args: readonly string[],
  limitMs = DEFAULT_LIMIT_MS,
): Promise<SmiAnswer | undefined> {
  const path = findNvidiaSmi();
  if (path === undefined) return undefined;
  const silence = new AbortController();
  const running = start(path, args, limitMs);
  const hangs = sleep(limitMs + END_MS, undefined, { signal: silence.signal }).then(() => {
    throw smiFailure(noAnswer(limitMs), running.leave());
  });
  try {
    return await Promise.race([running.answer, hangs]);
  } finally {
    silence.abort();
    hangs.catch(() => undefined);
    running.answer.catch(() => undefined);
  }
}

interface Running {
  answer: Promise<SmiAnswer>;
  /** Wait for it no longer: who it is, if it still runs. */
  leave: () => ProcessIdentity | undefined;
}

function start(path: string, args: readonly string[], limitMs: number): Running {
  let child: ChildProcess | undefined;
  const answer = new Promise<SmiAnswer>((resolve, reject) => {
    const options = { timeout: limitMs, killSignal: 'SIGKILL', maxBuffer: MOST_BYTES } as const;
    child = execFile(path, [...args], options, (error, stdout, stderr) => {
      const cause = error === null ? undefined : causeOf(error, path, limitMs);
      if (cause !== undefined) reject(smiFailure(cause));
      else resolve({ stdout, stderr, exitCode: Number(error?.code ?? 0) });
    });
  });
  return {
    answer,
    leave() {
      child?.unref();
      child?.stdout?.destroy();
      child?.stderr?.destroy();
      return child?.pid === undefined ? undefined : identityOf(child.pid);
    },
  };
}

/** Why there is no answer at all; undefined where it ended by itself. */
function causeOf(
  { code, signal, killed, message }: ExecFileException,
  path: string,
  limitMs: number,
): string | undefined {
  if (typeof code === 'number') return undefined;
  if (killed === true) return noAnswer(limitMs);
  if (String(code) === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return `it printed more than ${MOST_BYTES} bytes`;
  return signal ? `it was ended by ${signal}` : `${path} cannot be run (${code ?? message})`;
}

const noAnswer = (limitMs: number): string => `gave no answer in ${limitMs / 1_000} s`;
