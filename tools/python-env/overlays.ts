// Packages beside those of .venv: installed where a suite names their judge or format, each from a hashed lock file of its own.
import { readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from '../base/canonical.js';
import { readIfThere, writeWhole } from '../base/files.js';
import { whileInstalling, type Installing } from './while-installing.js';
import { overlayLock, OVERLAYS, type OverlayName } from '../suite/model/overlays.js';
import { SUITES } from '../suite/model/paths.js';

const STAMP = 'validation-lock';

/** Named by generated suites: judges that need an InvarLock of their own, and packages of weights' formats. */
export function wantedOverlays(workspaceRoot: string): OverlayName[] {
  const root = join(workspaceRoot, SUITES);
  const named = new Set(directories(root).flatMap((suite) => namesOf(join(root, suite, 'project.json'))));
  return OVERLAYS.filter((name) => named.has(name));
}

/** Those that are not installed as their lock files say. */
export function absentOverlays(workspaceRoot: string, wanted: readonly OverlayName[]): OverlayName[] {
  return wanted.filter((name) => !isCurrent(workspaceRoot, name));
}

/** @throws Fault with what to do when one cannot be installed. */
export async function ensureOverlays(
  workspaceRoot: string,
  wanted: readonly OverlayName[],
  installing: Installing,
): Promise<void> {
  const absent = (): OverlayName[] => absentOverlays(workspaceRoot, wanted);
  if (absent().length === 0) return;
  await whileInstalling(workspaceRoot, installing, async () => {
    for (const name of absent()) await install(workspaceRoot, name, installing);
  });
}

/** Whole or not at all: it appears under its name when everything is in it. */
async function install(workspaceRoot: string, name: OverlayName, { log, signal }: Installing): Promise<void> {
  const { findUv, runUv } = await import('./uv.js');
  const uv = await findUv(workspaceRoot, log);
  const directory = directoryOf(workspaceRoot, name);
  const draft = `${directory}.draft`;
  rmSync(draft, { recursive: true, force: true });
  log(`installing ${name}, which a suite needs`);
  const lock = join(workspaceRoot, overlayLock(name));
  const python = join(workspaceRoot, '.venv', 'bin', 'python');
  const args = [
    ...['pip', 'install', '--no-deps', '--require-hashes', '--python', python],
    ...['--target', draft, '-r', lock],
  ];
  const hint = `Check the connection to PyPI and the free disk space, or take what needs ${name} out of your suites (judges, edits as: quantized).`;
  try {
    const did = await runUv(uv, args, { log, hint, signal, problem: `${name} cannot be installed` });
    log(`${name} is ready: ${did}`);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    throw error;
  }
  writeWhole(join(draft, STAMP), digestOf(workspaceRoot, name));
  rmSync(directory, { recursive: true, force: true });
  renameSync(draft, directory);
}

function isCurrent(workspaceRoot: string, name: OverlayName): boolean {
  return readIfThere(join(directoryOf(workspaceRoot, name), STAMP)) === digestOf(workspaceRoot, name);
}

/** In .venv, so that it goes with the interpreter it was installed for. */
function directoryOf(workspaceRoot: string, name: OverlayName): string {
  return join(workspaceRoot, '.venv', 'overlays', name);
}

function digestOf(workspaceRoot: string, name: OverlayName): string {
  return sha256(readFileSync(join(workspaceRoot, overlayLock(name))));
}

/** A torn project.json names none; whoever reads it for its cells says what is wrong with it. */
function namesOf(path: string): string[] {
  try {
    const { metadata } = JSON.parse(readIfThere(path) ?? '{}') as {
      metadata?: { judges?: unknown; packages?: unknown };
    };
    return [metadata?.judges, metadata?.packages].flatMap((names) =>
      Array.isArray(names) ? names.filter((name) => typeof name === 'string') : [],
    );
  } catch {
    return [];
  }
}

function directories(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true }).flatMap((one) => (one.isDirectory() ? [one.name] : []));
  } catch {
    return [];
  }
}
