// How those who hold leases are: dead, stopped, silent, or at work for so long that somebody should look.
import { monotonicMs } from '../../base/clock.js';
import { revocationText } from '../../execution/lease/directory/revocation.js';
import { HEARTBEAT_MS, readHeartbeat } from '../../execution/lease/directory/heartbeat.js';
import type { LockDirectory } from '../../execution/lease/directory/lock-directory.js';
import { lifeOf, strangeness } from '../../host/process-identity.js';
import type { LeaseRecord } from '../../execution/lease/directory/records.js';
import { durationText } from '../../base/duration.js';

/** Several beats missed: a busy machine may delay one. */
const SILENT_MS = 4 * HEARTBEAT_MS;
/** A worker that says nothing for so long is named. It may be at work: large models take their time between two words. */
export const NO_SIGN_OF_LIFE_MS = 20 * 60_000;

/** What the host tells of a lease's processes. */
export interface HolderFacts {
  executor: 'runs' | 'stopped' | 'gone' | { elsewhere: string };
  worker: 'none' | 'runs' | 'stopped' | 'gone';
  /** Milliseconds since the executor's last beat and the worker's last sign of life; null where there was none. */
  silentMs: number | null;
  quietMs: number | null;
  broken: string | undefined;
}

export function holderFacts(
  directory: LockDirectory,
  { id, executor, worker }: Pick<LeaseRecord, 'id' | 'executor' | 'worker'>,
): HolderFacts {
  const beat = readHeartbeat(directory, id);
  const now = monotonicMs();
  const elsewhere = strangeness(executor);
  return {
    executor: elsewhere === undefined ? stateOf(executor) : { elsewhere },
    worker: worker === null ? 'none' : stateOf(worker),
    silentMs: beat === undefined ? null : now - beat.beatMs,
    quietMs: beat === undefined ? null : now - beat.signOfLifeMs,
    broken: revocationText(directory, id),
  };
}

function stateOf(process: LeaseRecord['executor']): 'runs' | 'stopped' | 'gone' {
  const life = lifeOf(process);
  return life === 'awake' ? 'runs' : life;
}

/** Sentences about what is not as it should be with the holder of a lease; none when all is well. */
export function concerns(
  { executor, worker }: { executor: number; worker: number | null },
  facts: HolderFacts,
): string[] {
  const found: string[] = [];
  if (facts.broken !== undefined) found.push(`${facts.broken}; its processes are ending`);
  if (typeof facts.executor !== 'string') {
    // Nothing more can be told from here.
    return [...found, `held from ${facts.executor.elsewhere}`];
  }
  if (facts.executor === 'gone')
    return [...found, `executor ${executor} is gone; its processes are being ended`];
  if (facts.executor === 'stopped') {
    found.push(`executor ${executor} is stopped (SIGSTOP); it goes on after: kill -CONT ${executor}`);
  } else if (facts.silentMs !== null && facts.silentMs > SILENT_MS) {
    found.push(`executor ${executor} has been silent for ${durationText(facts.silentMs / 1_000)}`);
  }
  if (facts.worker === 'stopped') {
    found.push(`worker ${worker ?? '?'} is stopped (SIGSTOP); it goes on after: kill -CONT ${worker ?? '?'}`);
  } else if (facts.worker === 'runs' && facts.quietMs !== null && facts.quietMs > NO_SIGN_OF_LIFE_MS) {
    found.push(`no sign of life from worker ${worker ?? '?'} for ${durationText(facts.quietMs / 1_000)}`);
  }
  return found;
}
