// All of the Python environment: .venv as the hashed lock file says, packages beside it that suites name, flash attention.
// A command installs it now; a cell does before it runs; a run whose cells come from Nx's cache never does.
import { messageOf } from '../base/message.js';
import { ensurePythonEnvironment, type EnsureOptions } from './ensure.js';

export interface EnvironmentOptions extends EnsureOptions {
  /** Of the GPUs that cells may use; asked only where there is a driver. May throw. */
  poolArchitectures: () => Promise<string[]>;
}

/** @throws Fault with what to do when it cannot be made. */
export async function ensureEnvironment(options: EnvironmentOptions): Promise<'current' | 'installed'> {
  const state = await ensurePackages(options);
  await ensureFlash(options);
  return state;
}

/**
 * For a cell that is about to run: of flash attention it is known already what there is, unless .venv was made just now.
 *
 * @throws Fault with what to do when it cannot be made.
 */
export async function ensureForCell(
  options: Omit<EnvironmentOptions, 'force'>,
): Promise<'current' | 'installed'> {
  const all = { ...options, force: false };
  const state = await ensurePackages(all);
  if (state === 'installed') await ensureFlash(all);
  return state;
}

async function ensureFlash(options: EnvironmentOptions): Promise<void> {
  const { ensureFlashAttention } = await import('./flash-attn.js');
  await ensureFlashAttention(options);
}

async function ensurePackages(options: EnvironmentOptions): Promise<'current' | 'installed'> {
  const { workspaceRoot } = options;
  const state = await ensurePythonEnvironment(options);
  const { ensureOverlays, wantedOverlays } = await import('./overlays.js');
  await ensureOverlays(workspaceRoot, wantedOverlays(workspaceRoot), options);
  return state;
}

/**
 * Whether it is still to be found out which flash attention cells would run with, which is a part of what they are: no run
 * may look for results, or store them, under a hash that says it knows.
 *
 * @param architectures of the GPUs that cells may use.
 */
export async function isFlashOpen(workspaceRoot: string, architectures: string[]): Promise<boolean> {
  if (architectures.length === 0) return false;
  const { flashState, isEnvironment } = await import('./flash-state.js');
  if (isEnvironment(workspaceRoot)) return !flashState(workspaceRoot, architectures).settled;
  const { unwanted } = await import('./flash-host.js');
  return unwanted(workspaceRoot, process.env) === undefined;
}

/** What to say of it, as a sentence and what to do. */
export function environmentFailure(error: unknown): string {
  const { hint = '' } = error as { hint?: string };
  const failed = `python-env failed: ${messageOf(error)}`;
  return hint === '' ? failed : `${failed}\n${hint}`;
}
