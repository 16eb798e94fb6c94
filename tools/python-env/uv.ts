// Finds uv, or installs the pinned one from PyPI into the user's cache.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { durationText } from '../base/duration.js';
import { Fault } from '../base/fault.js';
import type { Log } from '../base/text/live-lines.js';
import { findAnyPython } from './interpreter.js';
import { ticking } from './ticking.js';
import { UvProgress } from './uv-progress.js';

/** Hashed requirements file that pins uv. */
const UV_LOCK = 'tools/python/uv.lock.txt';
/** The oldest uv 0.x whose `pip sync --require-hashes` was seen to install this lock file. */
const OLDEST_MINOR = 5;

/** @throws Fault when uv is missing and cannot be installed; it says what to do. */
export async function findUv(workspaceRoot: string, log: Log): Promise<string> {
  if (await isUsable('uv')) return 'uv';
  const version = pinnedVersion(workspaceRoot);
  const home = join(
    process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'),
    'validation-suite',
    `uv-${version}`,
  );
  const uv = join(home, 'bin', 'uv');
  if (!existsSync(uv)) {
    log(`installing uv ${version} into ${home}`);
    await ticking(
      log,
      (seconds) => `installing uv (${durationText(seconds)})`,
      () => install(workspaceRoot, home),
    );
  }
  if (await isUsable(uv)) return uv;
  rmSync(home, { recursive: true, force: true });
  throw new Fault(
    'environment',
    `uv at ${uv} does not run; it was removed`,
    'Run the same command again, or install uv and put it on the PATH.',
  );
}

export interface UvRun {
  /** Told how far it is. */
  log: Log;
  /** What to do when it fails. */
  hint: string;
  signal: AbortSignal | undefined;
  problem?: string;
}

/**
 * Run uv and tell how far it is.
 *
 * @returns what it did, in words.
 * @throws Fault with uv's own words when it fails.
 */
export async function runUv(
  uv: string,
  args: readonly string[],
  { log, hint, signal, problem = `uv ${args[0] ?? ''} failed` }: UvRun,
): Promise<string> {
  const progress = new UvProgress(args.includes('--compile-bytecode'));
  const options = signal === undefined ? {} : { cancelSignal: signal };
  const { exitCode } = await ticking(
    log,
    (seconds) => progress.text(seconds),
    async () => {
      const how = { reject: false, stdin: 'ignore', all: true, buffer: false } as const;
      // Its lines are read here; Nx asks all its programs for colours.
      const running = execa(uv, [...args, '--color', 'never'], { ...how, ...options });
      for await (const line of running.iterable({ from: 'all' })) {
        const warning = progress.read(line);
        if (warning !== undefined) log(warning);
      }
      return running;
    },
  );
  if (exitCode === 0) return progress.summary();
  const { words } = progress;
  throw new Fault('environment', words === '' ? problem : `${problem}:\n${words}`, hint);
}

async function isUsable(command: string): Promise<boolean> {
  const { exitCode, stdout } = await execa(command, ['--version'], { reject: false, stdin: 'ignore' });
  const [, major, minor] = /^uv (\d+)\.(\d+)/.exec(stdout) ?? [];
  return exitCode === 0 && (Number(major) > 0 || Number(minor) >= OLDEST_MINOR);
}

async function install(workspaceRoot: string, home: string): Promise<void> {
  const python = await findAnyPython(process.env);
  if (python === undefined) {
    throw new Fault(
      'environment',
      'neither uv nor a Python 3 that could install it was found',
      'Install Python 3.12 or newer (with venv), or uv, and put it on the PATH.',
    );
  }
  const staging = `${home}.${randomBytes(4).toString('hex')}`;
  mkdirSync(dirname(home), { recursive: true });
  const made = await execa(python.path, ['-m', 'venv', staging], {
    reject: false,
    all: true,
    stdin: 'ignore',
  });
  const lock = join(workspaceRoot, UV_LOCK);
  // The wheel's binary needs no venv to run, only a place: --target serves where the venv module is missing.
  const inVenv = made.exitCode === 0;
  const pip = inVenv ? join(staging, 'bin', 'python') : python.path;
  const where = inVenv ? [] : ['--target', staging];
  const args = ['-m', 'pip', 'install', '--quiet', ...where, '--require-hashes', '-r', lock];
  const installed = await execa(pip, args, { reject: false, all: true, stdin: 'ignore' });
  if (installed.exitCode !== 0) {
    rmSync(staging, { recursive: true, force: true });
    const said = installed.all.trim().split('\n').slice(-3).join('\n');
    throw new Fault(
      'environment',
      `uv cannot be installed with ${python.path}:\n${said}`,
      'Check the connection to PyPI, or install uv yourself and put it on the PATH.',
    );
  }
  try {
    renameSync(staging, home);
  } catch {
    // Another run was faster: its copy is as good.
    rmSync(staging, { recursive: true, force: true });
  }
}

function pinnedVersion(workspaceRoot: string): string {
  const version = /^uv==([^\s\\]+)/m.exec(readFileSync(join(workspaceRoot, UV_LOCK), 'utf8'))?.[1];
  if (version === undefined) throw new Fault('environment', `${UV_LOCK} does not pin uv`);
  return version;
}
