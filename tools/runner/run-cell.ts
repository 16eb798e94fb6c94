// How a cell flows: fingerprint → receipt? → lease → receipt? → Python → results → receipt.
import { acquireLease, Cancelled, type HeldLease } from '../lease/acquire.js';
import { usableGiB, type Needs } from '../lease/grant.js';
import { openLockDirectory, type LockDirectory } from '../lease/lock-directory.js';
import type { CellOptions } from '../suite/cell.js';
import { requiredGiB, requiredGpus, usesAccelerator } from '../suite/memory.js';
import { basePriority } from '../suite/priority.js';
import { pythonSources } from '../suite/python-sources.js';
import { requireRecorded } from '../suite/record.js';
import { loadSiteSettings, type SiteSettings } from '../suite/settings.js';
import { messageOf } from '../base/message.js';
import type { Adjustment } from './adjustment.js';
import { Fault } from './fault.js';
import { digestSources, fingerprint } from './fingerprint.js';
import { readMachineIdentity, versionsOf, type MachineIdentity, type Versions } from './identity.js';
import { gpuMemoryFreed } from './gpu-memory.js';
import type { PendingPart } from './job-file.js';
import { Journal } from './journal.js';
import { missingFile } from './manifest.js';
import { reasonToRun } from './receipt.js';
import { resolveReads, type ResolvedRead } from './reads.js';
import { Tries } from './tries.js';

export interface CellRun {
  workspaceRoot: string;
  project: string;
  target: string;
  options: CellOptions;
  /** `--skip-nx-cache`: no receipt ends the cell. */
  forced: boolean;
  signal: AbortSignal;
  say: (line: string) => void;
}

/** What every step of one cell's run shares. */
export interface CellContext extends CellRun {
  cell: string;
  settings: SiteSettings;
  directory: LockDirectory;
  machine: MachineIdentity;
  deviceClass: string;
  versions: Versions;
  reads: readonly ResolvedRead[];
  journal: Journal;
}

export type CellOutcome = 'reused' | 'ran';

/**
 * Run one cell to its receipts.
 *
 * @throws Fault with the cause; nothing is published then, and the lease is given back.
 */
export async function runCell(run: CellRun): Promise<CellOutcome> {
  const context = await prepare(run);
  if ((await pendingParts(context, true)).length === 0) return 'reused';
  const { cell, options, settings, machine, signal, journal, say } = context;
  const spec = options.parts[0]?.spec ?? {};
  const pool = machine.pool.length;
  const tries = new Tries({ cell, kind: options.kind, spec, settings, pool, signal, journal, say });
  const queuedAt = Date.now();
  return tries.run(() => runTurn(context, tries, queuedAt));
}

/** One try: wait for a lease, run Python under it, give it back. */
async function runTurn(context: CellContext, tries: Tries, queuedAt: number): Promise<CellOutcome> {
  const lease = await takeLease(context, tries.adjustment, queuedAt);
  try {
    // Another run may have finished the cell while this one waited, or changed what it reads.
    const now = { ...context, reads: await readInputs(context, context.settings) };
    const pending = await pendingParts(now, false);
    if (pending.length === 0) return 'reused';
    requireWeights(now);
    // Only a cell that runs needs what starts processes: a reused one is a third of a second, imports included.
    const { runAttempt } = await import('./run-attempt.js');
    await runAttempt(now, pending, lease, tries);
    return 'ran';
  } catch (error) {
    if (error instanceof Fault && error.code === 'out_of_memory') await gpuMemoryFreed(context, lease);
    throw error;
  } finally {
    await lease.release();
  }
}

async function prepare(run: CellRun): Promise<CellContext> {
  try {
    const settings = loadSiteSettings(run.workspaceRoot);
    // Also here: Nx's daemon hashes in an environment of its own.
    requireRecorded(run.workspaceRoot, run.project.split('.')[0] ?? '', process.env);
    const machine = await readMachineIdentity(run.workspaceRoot, settings);
    return {
      ...run,
      cell: `${run.project}:${run.target}`,
      settings,
      directory: openLockDirectory(settings.lockDirectory),
      machine,
      deviceClass: usesAccelerator(run.options.kind) ? machine.deviceClass : 'cpu',
      versions: versionsOf(run.options.kind, machine.versions),
      reads: await readInputs(run, settings),
      journal: new Journal(run.workspaceRoot, run.project.split('.')[0] ?? run.project),
    };
  } catch (error) {
    // Settings, lock directory, nvidia-smi: their sentences say what to mend.
    throw error instanceof Fault ? error : new Fault('environment', messageOf(error));
  }
}

async function readInputs(run: CellRun, settings: SiteSettings): Promise<ResolvedRead[]> {
  return resolveReads(run.workspaceRoot, settings.storageRoot, run.options.reads);
}

/** Ends a cell whose inputs were replaced while Python read them: its results would vouch for files it never saw. */
export async function requireSameInputs(context: CellContext): Promise<void> {
  const now = await readInputs(context, context.settings);
  const changed = now.filter(
    ({ name, sha256 }) => context.reads.find((read) => read.name === name)?.sha256 !== sha256,
  );
  if (changed.length === 0) return;
  const names = changed.map(({ declared }) => declared).join(', ');
  throw new Fault(
    'bad_input',
    `${names} changed while the cell ran`,
    'Run it again once nothing else writes there.',
  );
}

function fingerprintParts({
  workspaceRoot,
  options,
  reads,
  versions,
  deviceClass,
}: CellContext): PendingPart[] {
  const { kind } = options;
  const sources = digestSources(workspaceRoot, pythonSources(kind));
  const digests = Object.fromEntries(reads.map(({ name, sha256 }) => [name, sha256]));
  return options.parts.map((part) => ({
    part,
    fingerprint: fingerprint({ kind, spec: part.spec, reads: digests, sources, versions, deviceClass }),
  }));
}

async function pendingParts(context: CellContext, announce: boolean): Promise<PendingPart[]> {
  const pending: PendingPart[] = [];
  for (const candidate of fingerprintParts(context)) {
    const { part } = candidate;
    const reason = context.forced
      ? '--skip-nx-cache was given'
      : await reasonToRun(context.workspaceRoot, context.settings.storageRoot, part, candidate.fingerprint);
    if (reason === undefined) continue;
    pending.push(candidate);
    if (announce) context.say(`${context.options.parts.length > 1 ? `${part.name}: ` : ''}runs: ${reason}`);
  }
  return pending;
}

/** @throws Fault naming the cell that makes the missing weights. */
function requireWeights({ reads, settings, project, options }: CellContext): void {
  for (const { declared, manifest } of reads) {
    const missing = manifest === undefined ? undefined : missingFile(settings.storageRoot, manifest.value);
    if (missing === undefined) continue;
    const [suite] = project.split('.');
    throw new Fault(
      'weights_missing',
      `the weights of ${declared} are not in the store (${missing})`,
      `Make them again: ${remakeCommand(suite ?? '', options.model, declared)}`,
    );
  }
}

function remakeCommand(suite: string, model: string, manifest: string): string {
  const variant = manifest.split('/').at(-1)?.replace('.manifest.json', '') ?? '';
  const force = '--skip-nx-cache --excludeTaskDependencies';
  if (variant === 'baseline') return `npx nx run ${suite}.${model}.baseline:setup ${force}`;
  if (variant.startsWith('error_')) return `npx nx run ${suite}.${model}.${variant}:inject ${force}`;
  const batch = `npx nx run ${suite}.${model}.edits:edit ${force}`;
  return `${batch} (per-edit mode: npx nx run ${suite}.${model}.${variant}:edit ${force})`;
}

async function takeLease(context: CellContext, adjustment: Adjustment, queuedAt: number): Promise<HeldLease> {
  const { cell, workspaceRoot, options, project, settings, machine } = context;
  const request = {
    key: `${workspaceRoot}#${cell}`,
    cell,
    workspace: workspaceRoot,
    needs: needsOf(context, adjustment),
    queuedAt,
    limits: {
      gpus: machine.pool.map(({ uuid }) => uuid),
      cpuSlots: settings.cpuSlots,
      minFreeGiB: settings.minFreeGiB,
      requireIdle: settings.requireIdle,
    },
    priority: basePriority(options.kind, project.split('.').at(-1) ?? ''),
  };
  try {
    return await acquireLease(context.directory, request, context.signal, context.say);
  } catch (error) {
    if (error instanceof Cancelled) throw new Fault('cancelled', error.message);
    throw error;
  }
}

function needsOf({ options, machine }: CellContext, { extraGpus }: Adjustment): Needs {
  const { kind, sizeClass } = options;
  const smallest = Math.min(...machine.pool.map(({ totalGiB }) => totalGiB));
  if (!usesAccelerator(kind) || !Number.isFinite(smallest)) return { gpus: 0, gibPerGpu: 0, cpuSlots: 1 };
  const gib = requiredGiB(kind, sizeClass);
  const gpus = Math.min(machine.pool.length, requiredGpus(gib, usableGiB(smallest)) + extraGpus);
  return { gpus, gibPerGpu: gib / gpus, cpuSlots: 1 };
}
