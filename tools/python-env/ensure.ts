// Keeps .venv equal to the hashed lock file: nothing to do in a few milliseconds, else uv installs it.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from '../base/canonical.js';
import { readIfThere, writeWhole } from '../base/files.js';
import { durationText } from '../base/duration.js';
import { monotonicMs } from '../base/clock.js';
import type { Log } from '../base/text/live-lines.js';
import { PYTHON_LOCK } from '../suite/model/python-sources.js';
import type { Interpreter } from './interpreter.js';
import { whileInstalling, type Installing } from './while-installing.js';

export interface EnsureOptions {
  workspaceRoot: string;
  /** Install even when the stamp says that nothing changed. */
  force: boolean;
  log: Log;
  signal?: AbortSignal;
}

/** @throws Fault with what to do when the environment cannot be made. */
export async function ensurePythonEnvironment({
  workspaceRoot,
  force,
  ...installing
}: EnsureOptions): Promise<'current' | 'installed'> {
  const wanted = digestOf(workspaceRoot);
  if (!force && isCurrent(workspaceRoot, wanted)) return 'current';
  return whileInstalling(workspaceRoot, installing, async () => {
    if (!force && isCurrent(workspaceRoot, wanted)) return 'current';
    await install(workspaceRoot, installing);
    writeWhole(join(workspaceRoot, '.venv', STAMP), wanted);
    return 'installed';
  });
}

async function install(workspaceRoot: string, { log, signal }: Installing): Promise<void> {
  const { findUv, runUv } = await import('./uv.js');
  const { findInterpreter, isSupported, probe } = await import('./interpreter.js');
  const beganMs = monotonicMs();
  const uv = await findUv(workspaceRoot, log);
  const venv = join(workspaceRoot, '.venv');
  const python = join(venv, 'bin', 'python');
  rmSync(join(venv, STAMP), { force: true });
  const present: Interpreter | undefined = existsSync(python) ? await probe(python) : undefined;
  if (present === undefined || !isSupported(present.version)) {
    const found = await findInterpreter(process.env);
    log(
      found === undefined
        ? 'no Python 3.12 or newer found: uv downloads one'
        : `Python ${found.version} (${found.path})`,
    );
    await runUv(uv, ['venv', '--quiet', '--clear', '--python', found?.path ?? '3.12', venv], {
      hint: 'Install Python 3.12 or newer, or set UV_PYTHON to one.',
      ...{ log, signal },
    });
  }
  log(
    `installing the packages of ${PYTHON_LOCK} into .venv (torch, transformers, lm-eval, InvarLock …): several GB the first time`,
  );
  const did = await runUv(
    uv,
    // Compiled here once: else every process of a host that forbids writing bytecode compiles torch again (9 s each).
    [
      'pip',
      'sync',
      '--compile-bytecode',
      '--python',
      python,
      '--require-hashes',
      join(workspaceRoot, PYTHON_LOCK),
    ],
    {
      hint: 'Check the connection to PyPI and the free disk space, then run: npx nx run tools:python-env',
      ...{ log, signal },
    },
  );
  log(`.venv is ready after ${durationText((monotonicMs() - beganMs) / 1_000)}: ${did}`);
}

/** Nothing of it is to be installed, with what the suites want beside the locked packages. */
export async function isInstalled(workspaceRoot: string): Promise<boolean> {
  if (!isCurrent(workspaceRoot, digestOf(workspaceRoot))) return false;
  const { absentOverlays, wantedOverlays } = await import('./overlays.js');
  return absentOverlays(workspaceRoot, wantedOverlays(workspaceRoot)).length === 0;
}

const STAMP = 'validation-lock';

function isCurrent(workspaceRoot: string, wanted: string): boolean {
  const venv = join(workspaceRoot, '.venv');
  return readIfThere(join(venv, STAMP)) === wanted && existsSync(join(venv, 'bin', 'python'));
}

function digestOf(workspaceRoot: string): string {
  return sha256(readFileSync(join(workspaceRoot, PYTHON_LOCK)));
}
