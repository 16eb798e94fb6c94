// The one process of the host that looks once a second for what causes no event: a killed process, a foreign process
// that left a GPU, a file removed by hand. Every process with a ticket or a lease stands for election.
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { z } from 'zod';
import { monotonicMs } from '../base/clock.js';
import { writeWhole } from '../base/files.js';
import type { LockDirectory } from './lock-directory.js';
import { schedulerPass, type Passed } from './pass.js';
import { isAlive, ownIdentity } from './process-identity.js';
import { readRecord } from './read-record.js';
import { identitySchema, isTemporary } from './records.js';

const TICK_MS = 1_000;
/** A ticker that was silent for so long is replaced, though it lives: it may be stopped. */
const SILENT_MS = 3_000;
/** Looks at the ticker a second, by all who stand for election together. */
const LOOKS_PER_SECOND = 4;
const LITTER_MS = 600_000;

const schema = z.object({ owner: identitySchema, nonce: z.string(), beatMs: z.number() });

const nonce = randomBytes(6).toString('hex');

interface Candidate {
  /** Waits and leases of this process: while there are any it may be the ticker. */
  stakes: number;
  duty: NodeJS.Timeout | undefined;
}

/** By lock directory; a process has one, tests have many. */
const candidates = new Map<string, Candidate>();

/** Stand for election until the returned function is called. */
export function standForTicker(directory: LockDirectory, onPass: (passed: Passed) => void): () => void {
  const candidate = candidates.get(directory.root) ?? { stakes: 0, duty: undefined };
  candidates.set(directory.root, candidate);
  candidate.stakes += 1;
  const look = (): void => {
    if (candidate.duty === undefined && isVacant(directory)) {
      void tick(directory, candidate, onPass).catch(() => undefined);
    }
    timer = setTimeout(look, lookAfterMs(directory)).unref();
  };
  let timer = setTimeout(look, lookAfterMs(directory)).unref();
  let standing = true;
  return () => {
    if (!standing) return;
    standing = false;
    clearTimeout(timer);
    candidate.stakes -= 1;
    if (candidate.stakes === 0) standDown(candidate);
  };
}

/** Together the candidates look so many times a second, however many they are: each costs next to nothing. */
function lookAfterMs(directory: LockDirectory): number {
  const standing = countEntries(directory.tickets) + countEntries(directory.leases);
  const mean = Math.max(TICK_MS, (standing * 1_000) / LOOKS_PER_SECOND);
  return mean * (0.5 + Math.random());
}

/** A pass as ticker: elected under the scheduler lock, or no longer it. */
async function tick(
  directory: LockDirectory,
  candidate: Candidate,
  onPass: (passed: Passed) => void,
): Promise<void> {
  const election = { won: false };
  const passed = await schedulerPass(directory, {
    before: () => {
      election.won = isOwn(directory) || isVacant(directory);
      if (!election.won) return;
      const beat = { owner: ownIdentity(), nonce, beatMs: monotonicMs() };
      writeWhole(pathOf(directory), JSON.stringify(beat), 0o600);
    },
  });
  if (!election.won || candidate.stakes === 0) {
    standDown(candidate);
    return;
  }
  onPass(passed);
  if (candidate.duty !== undefined) return;
  sweep(directory);
  candidate.duty = setInterval(() => {
    void tick(directory, candidate, onPass).catch(() => undefined);
  }, TICK_MS).unref();
}

function standDown(candidate: Candidate): void {
  clearInterval(candidate.duty);
  candidate.duty = undefined;
}

function isVacant(directory: LockDirectory): boolean {
  const found = readRecord(pathOf(directory), schema);
  if (found.state !== 'read') return true;
  const silentMs = monotonicMs() - found.value.beatMs;
  return !isAlive(found.value.owner) || silentMs > SILENT_MS || silentMs < 0;
}

function isOwn(directory: LockDirectory): boolean {
  const found = readRecord(pathOf(directory), schema);
  return found.state === 'read' && found.value.nonce === nonce;
}

function pathOf(directory: LockDirectory): string {
  return join(directory.root, 'ticker.json');
}

function countEntries(path: string): number {
  try {
    return readdirSync(path).length;
  } catch {
    return 0;
  }
}

/** Temporary files of writers that were killed; none lives longer than milliseconds. */
function sweep(directory: LockDirectory): void {
  const { root, tickets, leases, beats, breaks, gpus, readings, progress } = directory;
  for (const folder of [root, tickets, leases, beats, breaks, gpus, readings, progress]) {
    for (const name of readdirSync(folder)) {
      if (!isTemporary(name) && !/\.lock\.[0-9a-f]{24}$/.test(name)) continue;
      const path = join(folder, name);
      const modified = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
      if (Date.now() - modified > LITTER_MS) rmSync(path, { force: true });
    }
  }
}
