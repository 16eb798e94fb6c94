// A mutual exclusion between processes of one host: link(2) of an owner record, broken at once when its owner is dead.
import { randomBytes } from 'node:crypto';
import { linkSync, lstatSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../base/clock.js';
import { readPlain } from './plain-file.js';
import { isAlive, isStopped, ownIdentity, strangeness, type ProcessIdentity } from './process-identity.js';

interface OwnerRecord extends ProcessIdentity {
  /** Names this one taking of the lock. */
  nonce: string;
}

const MAX_JITTER_MS = 20;
/** A lock is held for milliseconds: whoever waits longer than this is told for whom. */
const PATIENCE_MS = 2_000;

export interface LockOptions<T> {
  timeoutMs?: number;
  /** So long a stopped holder is waited for; as any other without it. */
  stoppedTimeoutMs?: number;
  /** The longest sleep between two tries. */
  jitterMs?: number;
  /** Called once when the wait is long, with who holds the lock. */
  onWait?: (holder: string) => void;
  /** Asked after each try in vain: what it gives ends the wait, and `body` is not run. */
  meanwhile?: () => T | undefined;
}

/**
 * Run `body` while holding the lock at `path`. Waits with jitter of at most 20 ms between tries.
 *
 * @throws Error when the lock is not had in time; it names the holder.
 */
export async function withFileLock<T>(
  path: string,
  body: () => T | Promise<T>,
  options: LockOptions<T> = {},
): Promise<T> {
  const taken = await acquireFileLock(path, options);
  if ('instead' in taken) return taken.instead;
  try {
    return await body();
  } finally {
    taken.release();
  }
}

async function acquireFileLock<T>(
  path: string,
  {
    timeoutMs = 60_000,
    stoppedTimeoutMs = timeoutMs,
    jitterMs = MAX_JITTER_MS,
    onWait,
    meanwhile,
  }: LockOptions<T>,
): Promise<{ release: () => void } | { instead: T }> {
  const record: OwnerRecord = { ...ownIdentity(), nonce: randomBytes(12).toString('hex') };
  const own = `${path}.${record.nonce}`;
  const began = monotonicMs();
  let told = false;
  try {
    writeFileSync(own, JSON.stringify(record), { mode: 0o600, flag: 'wx' });
    while (!tryLink(own, path)) {
      const instead = meanwhile?.();
      if (instead !== undefined) return { instead };
      const holder = readRecord(path);
      if (holder !== undefined) {
        // One that cannot be seen from here may live: it is waited for, and never broken.
        if (strangeness(holder, writtenAt(path)) !== undefined || isAlive(holder)) {
          const waitedMs = monotonicMs() - began;
          const mayTakeMs =
            waitedMs > stoppedTimeoutMs && isStopped(holder.pid) ? stoppedTimeoutMs : timeoutMs;
          if (waitedMs > mayTakeMs) throw new Error(lockTimeout(path, holder, mayTakeMs));
          if (!told && waitedMs > PATIENCE_MS) {
            told = true;
            onWait?.(`${path} is held by ${nameOf(holder)}`);
          }
        } else {
          breakLock(path, holder, own);
          continue;
        }
      }
      await sleep(1 + Math.random() * (jitterMs - 1));
    }
  } finally {
    rmSync(own, { force: true });
  }
  return {
    release() {
      // Only what this process put there: somebody may have removed it by hand, and another holds it now.
      if (nonceAt(path) === record.nonce) rmSync(path, { force: true });
    },
  };
}

/**
 * Remove the lock file of a dead owner. The right to do so is itself taken by link(2), under a name made of the dead
 * record's nonce, so a slow breaker can never remove the lock of whoever took it next; a breaker that died is broken
 * the same way.
 */
function breakLock(path: string, dead: OwnerRecord, own: string): void {
  const right = `${path}.breaks-${dead.nonce}`;
  if (!tryLink(own, right)) {
    const other = readRecord(right);
    if (other !== undefined && strangeness(other, writtenAt(right)) === undefined && !isAlive(other))
      breakLock(right, other, own);
    return;
  }
  if (nonceAt(path) === dead.nonce) rmSync(path, { force: true });
  rmSync(right, { force: true });
}

function nonceAt(path: string): string | undefined {
  try {
    return readRecord(path)?.nonce;
  } catch {
    return undefined;
  }
}

function writtenAt(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.mtimeMs;
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (isLinked(from, to)) return true;
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Whether both are one file, which has two names then. A shared disk may link, lose its answer, ask again and say that the
 * name is there already: the lock would be this process's, and wait for itself.
 */
export function isLinked(from: string, to: string): boolean {
  const [one, other] = [from, to].map((path) => lstatSync(path, { throwIfNoEntry: false }));
  if (one === undefined || other === undefined) return false;
  return one.nlink > 1 && one.ino === other.ino && one.dev === other.dev;
}

/** The record behind a lock file; undefined when it is gone. A file that is no record is an error: never guessed at. */
function readRecord(path: string): OwnerRecord | undefined {
  const found = readPlain(path);
  if (!found.ok) {
    if (found.error.reason === 'gone') return undefined;
    throw new Error(`${path} ${found.error.message}. ${REMOVE}`);
  }
  try {
    const value = JSON.parse(found.value) as Partial<OwnerRecord>;
    if (
      typeof value.pid === 'number' &&
      typeof value.startTime === 'string' &&
      typeof value.bootId === 'string' &&
      typeof value.pidNamespace === 'string' &&
      typeof value.host === 'string' &&
      typeof value.nonce === 'string'
    ) {
      return value as OwnerRecord;
    }
  } catch {
    // fall through: the same sentence serves both
  }
  throw new Error(`${path} is not a lock this suite wrote. ${REMOVE}`);
}

const REMOVE = 'Remove it once no run is using it.';

function nameOf(holder: OwnerRecord): string {
  const stranger = strangeness(holder);
  if (stranger !== undefined) return `process ${holder.pid} of ${stranger}`;
  return `process ${holder.pid}${isStopped(holder.pid) ? `, which is stopped (kill -CONT ${holder.pid} lets it go on)` : ''}`;
}

function lockTimeout(path: string, holder: OwnerRecord, timeoutMs: number): string {
  return `${path} has been held by ${nameOf(holder)} for more than ${Math.round(timeoutMs / 1000)} s. If that process hangs, end it; if it is gone, remove the file.`;
}
