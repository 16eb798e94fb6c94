// One try of a cell, in as many turns as it takes: a lease, Python under it, the lease given back.
import { acquireLease } from '../lease/acquire.js';
import type { LeaseFailure } from '../lease/lease-failure.js';
import type { HeldLease } from '../lease/hold.js';
import type { LeaseRecord } from '../lease/directory/records.js';
import { monotonicMs } from '../../base/clock.js';
import { isAltered } from '../store/altered.js';
import { DISK_HINT, requireDisk } from '../store/disk.js';
import { dropEntry } from '../store/drop-weights.js';
import { Fault } from '../../base/fault.js';
import { gpuMemoryFreed } from '../worker/gpu-memory.js';
import type { PendingPart } from '../records/pending-part.js';
import { leaseRequest } from './lease-request.js';
import { missingFile } from '../records/manifest.js';
import { pin } from '../store/pins.js';
import { ensureWeights } from './remake.js';
import type { CellContext, CellOutcome, RunCell } from './context.js';
import { pendingParts, readInputs } from './pending.js';
import type { Tries } from './tries.js';

/** What earlier turns of this run did: while disk is short a batch is made in several. */
export interface Turns {
  /** Names of parts that are made. */
  made: Set<string>;
  recipes: string[];
  /** When the first began, so that later ones and new tries keep the cell's place in the queue. */
  queuedAtMs: number;
}

/** Weights may go between the look at them and the lease; who drops them that often is no other run of this suite. */
const MOST_LOSSES = 20;

export async function runTurns(
  context: CellContext,
  tries: Tries,
  turns: Turns,
  wanted: readonly PendingPart[],
  runCell: RunCell,
): Promise<CellOutcome> {
  for (let losses = 0; losses < MOST_LOSSES;) {
    const open = wanted.filter(({ part }) => !turns.made.has(part.name));
    if (open.length === 0) return 'ran';
    requireDisk(context.disk);
    // Before the lease: what makes them again takes one of its own.
    await ensureWeights({ ...context, reads: await readInputs(context, context.settings) }, runCell);
    const ended = await runTurn(context, tries, turns, open);
    if (ended === 'finished') return turns.made.size > 0 ? 'ran' : 'reused';
    if (ended === 'weights gone') losses += 1;
  }
  throw new Fault('weights_missing', 'its weights are dropped again and again before they can be used');
}

/** `finished`: another run made all of it meanwhile. */
type TurnEnd = 'made' | 'finished' | 'weights gone';

async function runTurn(
  context: CellContext,
  tries: Tries,
  turns: Turns,
  wanted: readonly PendingPart[],
): Promise<TurnEnd> {
  const { settings, say } = context;
  const lease = await takeLease(context, wanted, tries, turns);
  let outcome: { seconds: number } | undefined;
  let unpin: (() => void) | undefined;
  try {
    if (lease.record.drop) await dropMade(settings.storageRoot, turns.recipes, say);
    // Another run may have finished the cell while this one waited, or changed what it reads.
    const now = { ...context, reads: await readInputs(context, settings) };
    const open = (await pendingParts(now, false)).filter(({ part }) => !turns.made.has(part.name));
    if (open.length === 0) return 'finished';
    const granted = grantedParts(open, lease.record);
    unpin = await pinWeights(now, granted);
    if (unpin === undefined) return 'weights gone';
    requireDisk(context.disk);
    // Only a cell that runs needs what starts processes: a reused one is a third of a second, imports included.
    const { runAttempt } = await import('./run-attempt.js');
    const began = monotonicMs();
    const forced = now.forced || (await isAltered(now, granted));
    await runAttempt({ ...now, forced }, granted, lease, tries);
    for (const { part, fingerprint } of granted) {
      turns.made.add(part.name);
      if (part.link !== undefined) turns.recipes.push(fingerprint);
    }
    if (granted.length === open.length) outcome = { seconds: (monotonicMs() - began) / 1_000 };
    return 'made';
  } catch (error) {
    if (error instanceof Fault && error.code === 'out_of_memory') await gpuMemoryFreed(context, lease);
    throw error;
  } finally {
    unpin?.();
    await lease.release(outcome);
  }
}

/** Of a batch the parts there is disk for; of everything else all. */
function grantedParts(open: readonly PendingPart[], { parts }: LeaseRecord): readonly PendingPart[] {
  return parts.length === 0 ? open : open.filter(({ part }) => parts.includes(part.name));
}

/** Pin what the cell reads and what it makes; undefined when the former is gone. */
async function pinWeights(
  { reads, settings }: CellContext,
  parts: readonly PendingPart[],
): Promise<(() => void) | undefined> {
  const read = reads.flatMap(({ manifest }) => manifest?.value ?? []);
  const made = parts.flatMap(({ part, fingerprint }) => (part.link === undefined ? [] : fingerprint));
  return pin(settings.storageRoot, [...read.map(({ recipe }) => recipe), ...made], () =>
    read.every((manifest) => missingFile(settings.storageRoot, manifest) === undefined),
  );
}

/** While disk is short a batch makes room for its next parts: the earlier ones come back when they are needed. */
async function dropMade(
  storageRoot: string,
  recipes: readonly string[],
  say: (line: string) => void,
): Promise<void> {
  for (const recipe of recipes) {
    if ((await dropEntry(storageRoot, recipe)) !== 'dropped') continue;
    say(`disk is short: weights ${recipe.slice(0, 12)}… are dropped and made again when they are needed`);
  }
}

async function takeLease(
  context: CellContext,
  pending: readonly PendingPart[],
  { adjustment, reports, notBeforeMs }: Tries,
  turns: Turns,
): Promise<HeldLease> {
  const request = leaseRequest(context, pending, {
    extraGpus: adjustment.extraGpus,
    attempt: reports.length + 1,
    madeBefore: turns.recipes.length,
    queuedAtMs: turns.queuedAtMs,
    notBeforeMs,
  });
  const lease = await acquireLease(context.directory, request, context.signal, context.say);
  if (!lease.ok) throw faultOf(lease.error);
  return lease.value;
}

function faultOf({ reason, message }: LeaseFailure): Fault {
  switch (reason) {
    case 'cancelled':
      return new Fault('cancelled', message);
    case 'refused':
      return new Fault('disk_full', message, DISK_HINT);
    case 'impossible':
    case 'unusable':
      return new Fault('environment', message);
  }
}
