// The ticker: the one process of the host that looks once a second for changes that cause no event, such as a killed
// process, a foreign process that left a GPU, or a file removed by hand. It makes a pass when it finds one, and every few
// seconds in any case. Every process with a ticket or a lease is a candidate for it.
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { lstatSync, readdirSync, rmSync } from 'node:fs';
import { z } from 'zod';
import { monotonicMs } from '../../base/clock.js';
import { messageOf } from '../../base/message.js';
import { ring } from './bell.js';
import { withFileLock } from '../../host/file-lock.js';
import { isId } from './directory/ids.js';
import { removeStaleFiles } from './directory/stale-files.js';
import type { LockDirectory } from './directory/lock-directory.js';
import { schedulerPass, type Passed } from './pass.js';
import { writePlain } from '../../host/plain-file.js';
import { isAlive, ownIdentity } from '../../host/process-identity.js';
import { readRecord } from '../../host/read-record.js';
import { identitySchema } from './directory/identity-schema.js';

const TICK_MS = 1_000;
/** From pass to pass while nothing happens that a look would find: dead waiters are swept, free disk is read again. */
const QUIET_MS = 3_000;
/** From pass to pass while a dead executor's worker is being ended. */
const ENDING_TICK_MS = 250;
/** A ticker that was silent for so long is replaced, though it lives: it may be stopped. */
const SILENT_MS = 3_000;
/** Looks at the ticker a second, by all who stand for election together … */
const LOOKS_PER_SECOND = 3;
/** … and the longest any of them sleeps, should all the others be gone at once. */
const LONGEST_SLEEP_MS = 60_000;

const schema = z.object({
  owner: identitySchema,
  nonce: z.string(),
  beatMs: z.number(),
  /** Who stands for election, as the ticker counted: tickets and leases. */
  candidates: z.number(),
});

const nonce = randomBytes(6).toString('hex');

interface Candidate {
  directory: LockDirectory;
  /** Waits and leases of this process: while there are any it may be the ticker. */
  stakes: number;
  duty: Duty | undefined;
}

interface Duty {
  heartbeat: NodeJS.Timeout;
  pass: NodeJS.Timeout | undefined;
}

/** By lock directory; a process has one, tests have many. */
const candidates = new Map<string, Candidate>();

export interface Stake {
  /** Take the ticker's place if it is vacant: called when something rang. */
  look: () => void;
  resign: () => void;
}

type Warn = (lines: readonly string[]) => void;
type OnPass = (passed: Passed) => void;

/**
 * Stand for election until the stake is resigned.
 *
 * @param warn told, as ticker, what is wrong with the directory or the GPUs.
 * @param onPass called at every pass as ticker.
 */
export function standForTicker(directory: LockDirectory, warn: Warn, onPass: OnPass): Stake {
  const candidate = candidates.get(directory.root) ?? { directory, stakes: 0, duty: undefined };
  candidates.set(directory.root, candidate);
  candidate.stakes += 1;
  const look = (): void => {
    if (candidate.duty === undefined && isVacant(directory)) void run(candidate, warn, onPass);
  };
  const lookAgain = (): void => {
    look();
    timer = setTimeout(lookAgain, lookAfterMs(directory)).unref();
  };
  // Soon at first: whoever comes knows nothing of the others yet.
  let timer = setTimeout(lookAgain, TICK_MS * (0.5 + Math.random())).unref();
  let standing = true;
  return {
    look,
    resign() {
      if (!standing) return;
      standing = false;
      clearTimeout(timer);
      candidate.stakes -= 1;
      if (candidate.stakes === 0) handOver(candidate);
    },
  };
}

/** Together the candidates look so many times a second, however many they are: each costs next to nothing. */
function lookAfterMs(directory: LockDirectory): number {
  const candidates = readHeartbeat(directory)?.candidates ?? 0;
  const mean = Math.max(TICK_MS, (candidates * 1_000) / LOOKS_PER_SECOND);
  return Math.min(mean, LONGEST_SLEEP_MS) * (0.5 + Math.random());
}

/** Be elected, then write heartbeats and make passes until the last stake is resigned or another was elected. */
async function run(candidate: Candidate, warn: Warn, onPass: OnPass): Promise<void> {
  const { directory } = candidate;
  if (!(await elect(directory).catch(() => false)) || candidate.duty !== undefined) return;
  if (candidate.stakes === 0) {
    vacate(directory);
    return;
  }
  // Apart from the passes, which may wait for nvidia-smi: only a stopped process is silent.
  const confirm = (): void => {
    if (!isOwn(directory)) standDown(candidate);
    else writeHeartbeat(directory);
  };
  const duty: Duty = { heartbeat: setInterval(quietly(confirm), TICK_MS).unref(), pass: undefined };
  candidate.duty = duty;
  quietly(() => {
    removeStaleFiles(directory);
  })();
  let last: LastPass | undefined;
  const pass = async (): Promise<void> => {
    let ending = false;
    try {
      if (last === undefined || !isQuiet(directory, last)) {
        // Before the pass: what changes while it works is looked at again.
        const stamp = stampOf(directory);
        const passed = await schedulerPass(directory);
        last = { atMs: monotonicMs(), stamp, passed };
        warn(passed.warnings);
        ending = isEnding(passed);
        onPass(passed);
      }
    } catch (error) {
      last = undefined;
      warn([`scheduler: ${messageOf(error)}`]);
    }
    if (candidate.duty !== duty) return;
    duty.pass = setTimeout(() => void pass(), ending ? ENDING_TICK_MS : TICK_MS).unref();
  };
  await pass();
}

interface LastPass {
  atMs: number;
  stamp: string;
  passed: Passed;
}

/** Whether another pass would find what the last one found: nothing came or went, and all who hold something live. */
function isQuiet(directory: LockDirectory, { atMs, stamp, passed }: LastPass): boolean {
  const sinceMs = monotonicMs() - atMs;
  if (sinceMs < 0 || sinceMs >= QUIET_MS) return false;
  if (passed.watchesGpus || passed.warnings.length > 0 || isEnding(passed)) return false;
  return stampOf(directory) === stamp && passed.leases.every(({ executor }) => isAlive(executor));
}

/** Another one whenever a ticket, a lease or a GPU's lock comes or goes. */
function stampOf({ tickets, leases, gpus }: LockDirectory): string {
  return [tickets, leases, gpus]
    .map((path) => lstatSync(path, { bigint: true, throwIfNoEntry: false })?.mtimeNs ?? 0n)
    .join(' ');
}

function isEnding({ leases }: Passed): boolean {
  return leases.some(({ terminatedAtMs }) => terminatedAtMs !== null);
}

async function elect(directory: LockDirectory): Promise<boolean> {
  return withFileLock(directory.schedulerLock, () => {
    if (!isVacant(directory)) return false;
    writeHeartbeat(directory);
    return true;
  });
}

function standDown(candidate: Candidate): void {
  clearInterval(candidate.duty?.heartbeat);
  clearTimeout(candidate.duty?.pass);
  candidate.duty = undefined;
}

/** The next ticker is called at once: somebody who waits, if anybody does. */
function handOver(candidate: Candidate): void {
  candidates.delete(candidate.directory.root);
  if (candidate.duty === undefined) return;
  standDown(candidate);
  const { directory } = candidate;
  vacate(directory);
  const waiting = namesIn(directory.tickets).filter((id) => isId(id) && !id.startsWith(`${process.pid}-`));
  const successor = waiting[Math.floor(Math.random() * waiting.length)];
  if (successor !== undefined) ring(directory, successor, 'vacant');
}

function vacate(directory: LockDirectory): void {
  if (isOwn(directory)) rmSync(pathOf(directory), { force: true });
}

function isVacant(directory: LockDirectory): boolean {
  const heartbeat = readHeartbeat(directory);
  if (heartbeat === undefined) return true;
  const silentMs = monotonicMs() - heartbeat.beatMs;
  return !isAlive(heartbeat.owner) || silentMs > SILENT_MS || silentMs < 0;
}

function isOwn(directory: LockDirectory): boolean {
  return readHeartbeat(directory)?.nonce === nonce;
}

function readHeartbeat(directory: LockDirectory): z.infer<typeof schema> | undefined {
  const found = readRecord(pathOf(directory), schema);
  return found.ok ? found.value : undefined;
}

function writeHeartbeat(directory: LockDirectory): void {
  const candidates = namesIn(directory.tickets).length + namesIn(directory.leases).length;
  const heartbeat: z.infer<typeof schema> = {
    owner: ownIdentity(),
    nonce,
    beatMs: monotonicMs(),
    candidates,
  };
  writePlain(pathOf(directory), JSON.stringify(heartbeat));
}

function pathOf(directory: LockDirectory): string {
  return join(directory.root, 'ticker.json');
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** What fails on a full or vanished directory is done again a second later. */
function quietly(body: () => void): () => void {
  return () => {
    try {
      body();
    } catch {
      // A second later it is done again.
    }
  };
}
