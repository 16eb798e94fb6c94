// How a cell flows: fingerprint → receipt? → lease → receipt? → Python → results → receipt.
import { acquireLease, Cancelled, countFinished, Refused, type HeldLease } from '../lease/acquire.js';
import { openLockDirectory, type LockDirectory } from '../lease/lock-directory.js';
import type { LeaseRecord } from '../lease/records.js';
import type { CellOptions } from '../suite/cell.js';
import { usesAccelerator } from '../suite/memory.js';
import { pythonSources } from '../suite/python-sources.js';
import { requireRecorded } from '../suite/record.js';
import type { Schedule } from '../suite/schedule.js';
import { loadSiteSettings, type SiteSettings } from '../suite/settings.js';
import { monotonicMs } from '../base/clock.js';
import { messageOf } from '../base/message.js';
import { dropWeights } from './drop-weights.js';
import { Fault } from './fault.js';
import { digestSources, fingerprint } from './fingerprint.js';
import { readMachineIdentity, versionsOf, type MachineIdentity, type Versions } from './identity.js';
import { gpuMemoryFreed } from './gpu-memory.js';
import type { PendingPart } from './job-file.js';
import { Journal } from './journal.js';
import { leaseRequest, suiteOf } from './lease-request.js';
import { missingFile } from './manifest.js';
import { reasonToRun } from './receipt.js';
import { resolveReads, type ResolvedRead } from './reads.js';
import { Tries } from './tries.js';

export interface CellRun {
  workspaceRoot: string;
  project: string;
  target: string;
  options: CellOptions;
  /** The cell's place in the plan, for the scheduler; changes no result. */
  schedule: Schedule;
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

/** What earlier turns of this run did: while disk is short a batch is made in several. */
interface Turns {
  /** Names of parts that are made. */
  made: Set<string>;
  recipes: string[];
  /** When the first began, so that later ones and new tries keep the cell's place in the queue. */
  queuedAtMs: number;
}

/**
 * Run one cell to its receipts.
 *
 * @throws Fault with the cause; nothing but whole parts is published then, and the lease is given back.
 */
export async function runCell(run: CellRun): Promise<CellOutcome> {
  const context = await prepare(run);
  const pending = await pendingParts(context, true);
  if (pending.length === 0) {
    await countReused(context);
    return 'reused';
  }
  const { cell, options, settings, machine, signal, journal, say } = context;
  const spec = options.parts[0]?.spec ?? {};
  const pool = machine.pool.length;
  const tries = new Tries({ cell, kind: options.kind, spec, settings, pool, signal, journal, say });
  const turns: Turns = { made: new Set(), recipes: [], queuedAtMs: monotonicMs() };
  return tries.run(() => runTurns(context, tries, turns, pending));
}

/** As many turns as it takes: where disk is short a batch is made in several. */
async function runTurns(
  context: CellContext,
  tries: Tries,
  turns: Turns,
  wanted: readonly PendingPart[],
): Promise<CellOutcome> {
  for (;;) {
    const open = wanted.filter(({ part }) => !turns.made.has(part.name));
    if (open.length === 0) return 'ran';
    if (!(await runTurn(context, tries, turns, open))) return turns.made.size > 0 ? 'ran' : 'reused';
  }
}

/** Wait for a lease and make what it was given for; false when another run made it all meanwhile. */
async function runTurn(
  context: CellContext,
  tries: Tries,
  turns: Turns,
  wanted: readonly PendingPart[],
): Promise<boolean> {
  const lease = await takeLease(context, wanted, tries, turns);
  let outcome: { seconds: number } | undefined;
  try {
    if (lease.record.drop) dropWeights(context.settings.storageRoot, turns.recipes, context.say);
    // Another run may have finished the cell while this one waited, or changed what it reads.
    const now = { ...context, reads: await readInputs(context, context.settings) };
    const open = (await pendingParts(now, false)).filter(({ part }) => !turns.made.has(part.name));
    if (open.length === 0) return false;
    const granted = grantedParts(open, lease.record);
    requireWeights(now);
    // Only a cell that runs needs what starts processes: a reused one is a third of a second, imports included.
    const { runAttempt } = await import('./run-attempt.js');
    const began = monotonicMs();
    await runAttempt(now, granted, lease, tries);
    for (const { part, fingerprint } of granted) {
      turns.made.add(part.name);
      if (part.link !== undefined) turns.recipes.push(fingerprint);
    }
    if (granted.length === open.length) outcome = { seconds: (monotonicMs() - began) / 1_000 };
    return true;
  } catch (error) {
    if (error instanceof Fault && error.code === 'out_of_memory') await gpuMemoryFreed(context, lease);
    throw error;
  } finally {
    await lease.release(outcome);
  }
}

/** Of a batch the parts there is disk for; of everything else all. */
function grantedParts(open: readonly PendingPart[], { parts }: LeaseRecord): readonly PendingPart[] {
  return parts.length === 0 ? open : open.filter(({ part }) => parts.includes(part.name));
}

async function countReused({ directory, workspaceRoot, cell, project, options }: CellContext): Promise<void> {
  const { model, kind } = options;
  try {
    await countFinished(directory, workspaceRoot, suiteOf(project), { cell, model, kind });
  } catch {
    // A count that helps the scheduler must not fail a finished cell.
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

async function takeLease(
  context: CellContext,
  pending: readonly PendingPart[],
  { adjustment, reports }: Tries,
  turns: Turns,
): Promise<HeldLease> {
  const request = leaseRequest(context, pending, {
    extraGpus: adjustment.extraGpus,
    attempt: reports.length + 1,
    madeBefore: turns.recipes.length,
    queuedAtMs: turns.queuedAtMs,
  });
  try {
    return await acquireLease(context.directory, request, context.signal, context.say);
  } catch (error) {
    if (error instanceof Cancelled) throw new Fault('cancelled', error.message);
    if (error instanceof Refused) throw new Fault('disk_full', error.message, DISK_HINT);
    throw new Fault('environment', messageOf(error));
  }
}

const DISK_HINT =
  'Free space where the weights store lies (storage.root), lower MIN_FREE_DISK_GB, or let weights go once nothing waits for them (storage.keep). The next run goes on from here.';
