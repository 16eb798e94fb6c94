// Flash attention into .venv, where a GPU can use it and a wheel or a compiler gives it. It never fails the environment:
// without it models load with transformers' own attention. What came of a try is recorded, and stands until another
// lock file, interpreter or GPU, or a new chance (nvcc, wheels elsewhere, another suite).
import { appendFileSync, readFileSync, rmSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { durationText } from '../base/duration.js';
import type { Log } from '../base/text/live-lines.js';
import { messageOf } from '../base/message.js';
import { findNvidiaSmi } from '../host/nvidia-smi.js';
import { onPath } from './on-path.js';
import { ticking } from './ticking.js';
import {
  FLASH_REQUIREMENTS,
  installedFlash,
  readFlashRecord,
  writeFlashRecord,
  type FlashRecord,
} from './flash-record.js';

const LOG = '.venv/flash-attn.log';
/** Compiling on a few cores takes hours; nobody waits longer for an attention that is a little faster. */
const BUILD_LIMIT_MS = 2 * 3_600_000;
const INSTALL_LIMIT_MS = 600_000;

export interface FlashOptions {
  workspaceRoot: string;
  /** Try again, though nothing changed since a try that failed. */
  force: boolean;
  /** Architectures of the GPUs that cells may use, each once; asked only where there is a driver. May throw. */
  poolArchitectures: () => Promise<string[]>;
  log: Log;
}

/** Never throws: what goes wrong is the reason that is recorded. */
export async function ensureFlashAttention(options: FlashOptions): Promise<void> {
  const { workspaceRoot, log } = options;
  try {
    // Hosts without a GPU pay nothing.
    if (findNvidiaSmi() === undefined) return;
    const { isEnvironment } = await import('./flash-state.js');
    if (!isEnvironment(workspaceRoot)) return;
    const architectures = await options.poolArchitectures();
    if (architectures.length > 0) await tryOnce(options, architectures);
  } catch (error) {
    log(`flash attention was not looked for: ${firstLine(error)}`);
  }
}

type Outcome = Pick<FlashRecord, 'version' | 'why'>;

async function tryOnce(options: FlashOptions, architectures: string[]): Promise<void> {
  const { workspaceRoot, force, log } = options;
  const { flashState } = await import('./flash-state.js');
  if (!force && flashState(workspaceRoot, architectures).settled) return;
  const { withLongLock } = await import('../host/long-lock.js');
  const { loadSiteSettings } = await import('../suite/settings/settings.js');
  const attempt = async (): Promise<void> => {
    const { key, chances, nvcc, unwanted, settled } = flashState(workspaceRoot, architectures);
    // Another run may have been faster.
    if (!force && settled) return;
    const outcome = await outcomeOf({ ...options, architectures, nvcc, unwanted });
    writeFlashRecord(workspaceRoot, { schema: 1, key, chances, ...outcome });
    log(
      outcome.version === null
        ? `no flash attention: ${outcome.why}. Models load with transformers' own attention.`
        : `flash attention ${outcome.version} is ready`,
    );
  };
  const lock = {
    ...{ name: 'flash-attn', path: workspaceRoot, doing: 'is installing flash attention', log: log },
    timeoutMs: BUILD_LIMIT_MS + INSTALL_LIMIT_MS,
  };
  await withLongLock(loadSiteSettings(workspaceRoot).lockDirectory, lock, attempt);
}

interface Attempt extends FlashOptions {
  architectures: readonly string[];
  nvcc: string | undefined;
  unwanted: string | undefined;
}

async function outcomeOf(attempt: Attempt): Promise<Outcome> {
  const { workspaceRoot, unwanted, log } = attempt;
  try {
    const there = installedFlash(workspaceRoot);
    if (there !== undefined) {
      const byHand = readFlashRecord(workspaceRoot) === undefined;
      const asPinned = pinned(workspaceRoot).at(-1) === `flash-attn==${there.split('+')[0] ?? ''}`;
      // What nobody wants harms nobody; else it must work, whoever installed it.
      const kept = unwanted !== undefined || byHand || asPinned;
      if (kept && (unwanted !== undefined || (await problemOf(attempt)) === undefined)) {
        return { version: there, why: '' };
      }
      const { findUv } = await import('./uv.js');
      await remove(attempt, await findUv(workspaceRoot, log));
    }
    return await install(attempt);
  } catch (error) {
    return { version: installedFlash(workspaceRoot) ?? null, why: firstLine(error) };
  }
}

async function install(attempt: Attempt): Promise<Outcome> {
  const { workspaceRoot, architectures, nvcc, unwanted, log } = attempt;
  const { buildTargets, planFlash } = await import('./flash-plan.js');
  const { askTorch, nvccRelease } = await import('./flash-host.js');
  const python = pythonOf(workspaceRoot);
  // Asked only where it matters: loading torch takes seconds.
  const torch = unwanted === undefined ? await askTorch(python) : { cuda: null, headers: false };
  const plan = planFlash({
    ...{ unwanted, architectures, ...torch },
    nvcc: nvcc === undefined ? undefined : await nvccRelease(nvcc),
    compiler: (process.env.CXX ?? onPath('c++') ?? onPath('g++')) !== undefined,
  });
  if (plan.how === 'none') return { version: null, why: plan.why };

  const { findUv } = await import('./uv.js');
  const uv = await findUv(workspaceRoot, log);
  const requirements = pinned(workspaceRoot);
  const flash = requirements.at(-1) ?? '';
  rmSync(join(workspaceRoot, LOG), { force: true });
  const needs = requirements.slice(0, -1);
  if (!(await runUv(attempt, uv, needs, {}, INSTALL_LIMIT_MS))) {
    return { version: null, why: `${needs.join(', ')} cannot be installed (${LOG})` };
  }
  // A wheel of an index or of UV_FIND_LINKS, or the one its own build script finds among the project's releases. Where it
  // finds none it makes one without kernels, which does not load.
  log(`looking for a wheel of ${flash}`);
  const quick = { FLASH_ATTENTION_SKIP_CUDA_BUILD: 'TRUE' };
  let problem = `no wheel of ${flash} fits this Python, torch and CUDA`;
  if (await runUv(attempt, uv, [flash], quick, INSTALL_LIMIT_MS)) {
    const found = await problemOf(attempt);
    if (found === undefined) return { version: installedFlash(workspaceRoot) ?? null, why: '' };
    await remove(attempt, uv);
    if (!found.includes('flash_attn_2_cuda')) problem = `the wheel of ${flash} does not work here (${found})`;
  }
  if (plan.noCompiling !== undefined) return { version: null, why: `${problem}, and ${plan.noCompiling}` };

  log(`compiling ${flash}, which may take an hour (SKIP_FLASH_ATTN=true leaves it out); output: ${LOG}`);
  const build = {
    FLASH_ATTENTION_FORCE_BUILD: 'TRUE',
    FLASH_ATTN_CUDA_ARCHS: process.env.FLASH_ATTN_CUDA_ARCHS ?? buildTargets(architectures),
  };
  if (!(await runUv(attempt, uv, [flash], build, BUILD_LIMIT_MS))) {
    return { version: null, why: `${problem}, and compiling it failed (${LOG})` };
  }
  const found = await problemOf(attempt);
  if (found === undefined) return { version: installedFlash(workspaceRoot) ?? null, why: '' };
  await remove(attempt, uv);
  return { version: null, why: `${flash} was compiled, but does not work here (${found})` };
}

/** Into .venv, and nothing else there changes: torch least of all. Not from uv's cache, which knows no torch. */
async function runUv(
  { workspaceRoot, log }: Attempt,
  uv: string,
  packages: readonly string[],
  environment: Record<string, string>,
  timeout: number,
): Promise<boolean> {
  const { execa } = await import('execa');
  const python = pythonOf(workspaceRoot);
  const args = ['pip', 'install', '--python', python, '--no-deps', '--no-build-isolation', '--no-cache'];
  const doing = environment.FLASH_ATTENTION_FORCE_BUILD === undefined ? 'installing' : 'compiling';
  return logged(workspaceRoot, [...args, ...packages], () =>
    ticking(
      log,
      (seconds) => `${doing} ${packages.join(', ')} (${durationText(seconds)})`,
      async () =>
        execa(uv, [...args, ...packages], {
          // ninja, and Python's own tools, as an activated environment has them.
          env: { ...environment, PATH: `${dirname(python)}${delimiter}${process.env.PATH ?? ''}` },
          ...{ reject: false, all: true, stdin: 'ignore', timeout },
        }),
    ),
  );
}

async function remove({ workspaceRoot }: Attempt, uv: string): Promise<void> {
  const { execa } = await import('execa');
  const args = ['pip', 'uninstall', '--python', pythonOf(workspaceRoot), 'flash-attn'];
  await logged(workspaceRoot, args, () => execa(uv, args, { reject: false, all: true, stdin: 'ignore' }));
}

async function logged(
  workspaceRoot: string,
  args: readonly string[],
  run: () => PromiseLike<{ exitCode?: number; all: string; timedOut: boolean }>,
): Promise<boolean> {
  const log = join(workspaceRoot, LOG);
  appendFileSync(log, `$ uv ${args.join(' ')}\n`);
  const { exitCode, all, timedOut } = await run();
  appendFileSync(log, `${all}\n${timedOut ? 'It took too long and was ended.\n' : ''}`);
  return exitCode === 0;
}

/** Why the installed one does not work on this host; undefined: it does. */
async function problemOf({ workspaceRoot }: Attempt): Promise<string | undefined> {
  const { execa } = await import('execa');
  const { exitCode, all } = await execa(pythonOf(workspaceRoot), ['-m', 'validation.flash_check'], {
    env: { PYTHONPATH: join(workspaceRoot, 'tools', 'python'), PYTHONDONTWRITEBYTECODE: '1' },
    ...{ cwd: workspaceRoot, reject: false, all: true, stdin: 'ignore', timeout: INSTALL_LIMIT_MS },
  });
  if (exitCode === 0) return undefined;
  return all.trim().split('\n').at(-1)?.trim() ?? 'its check died without a word';
}

function pinned(workspaceRoot: string): string[] {
  return readFileSync(join(workspaceRoot, FLASH_REQUIREMENTS), 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

function pythonOf(workspaceRoot: string): string {
  return join(workspaceRoot, '.venv', 'bin', 'python');
}

function firstLine(error: unknown): string {
  return messageOf(error).split('\n')[0] ?? '';
}
