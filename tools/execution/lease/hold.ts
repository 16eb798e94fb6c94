// A lease while it is held: its heartbeat is written, its worker is named, and it is given back.
import { monotonicMs } from '../../base/clock.js';
import { messageOf } from '../../base/message.js';
import { removeRevocation, revocationText } from './directory/revocation.js';
import { HEARTBEAT_MS, writeHeartbeat } from './directory/heartbeat.js';
import type { LockDirectory } from './directory/lock-directory.js';
import { reopen } from './directory/recovery.js';
import { schedulerPass } from './pass.js';
import type { GpuLocks } from '../../host/gpu-lock.js';
import { identityOf } from '../../host/process-identity.js';
import { recordFinished } from './directory/progress-record.js';
import { readLease, removeLease, writeLease, type LeaseRecord } from './directory/records.js';
import type { Stake } from './ticker.js';

export interface HeldLease {
  record: LeaseRecord;
  waitedMs: number;
  /** Aborts when somebody revoked the lease by hand (`nx leases --break`). */
  revoked: AbortSignal;
  /** A sentence about who revoked it; undefined while nobody did. */
  revocationText: () => string | undefined;
  /**
   * Name the process group that uses the lease, so that it can be ended if this executor dies.
   *
   * @throws Error when the lease was revoked meanwhile: nothing may start under it.
   */
  setWorker: (pid: number) => void;
  /** The worker reported something: it lives. */
  signOfLife: () => void;
  /** @param outcome given when the cell is finished: counted in the run's progress. */
  release: (outcome?: { seconds: number }) => Promise<void>;
}

/** Hold what was granted until `release`. `log` is told what goes wrong meanwhile. */
export function hold(
  directory: LockDirectory,
  granted: LeaseRecord,
  waitedMs: number,
  stake: Stake,
  log: (line: string) => void,
  locks?: GpuLocks,
): HeldLease {
  let record = granted;
  let released = false;
  let signOfLifeMs = monotonicMs();
  const revoking = new AbortController();
  /** Removed or torn by hand, or not written when the disk was full: it stands again. */
  const keep = (): void => {
    const found = readLease(directory, record.id);
    if (found.ok && found.value.worker?.pid === record.worker?.pid) return;
    reopen(directory);
    writeLease(directory, record);
  };
  const heartbeat = (): void => {
    try {
      if (revocationText(directory, record.id) !== undefined) {
        revoking.abort();
        return;
      }
      keep();
      locks?.keep().forEach(log);
      writeHeartbeat(directory, record.id, signOfLifeMs);
    } catch (error) {
      log(`heartbeat: ${messageOf(error)}`);
    }
  };
  heartbeat();
  const timer = setInterval(heartbeat, HEARTBEAT_MS).unref();
  return {
    record: granted,
    waitedMs,
    revoked: revoking.signal,
    revocationText: () => revocationText(directory, record.id),
    setWorker(pid) {
      const revocation = revocationText(directory, record.id);
      if (revocation !== undefined) throw new Error(revocation);
      record = { ...record, worker: identityOf(pid) ?? null };
      heartbeat();
    },
    signOfLife() {
      signOfLifeMs = monotonicMs();
    },
    async release(outcome) {
      if (released) return;
      released = true;
      clearInterval(timer);
      quietly(() => locks?.release(), log);
      // Whoever waits is served a second later by the ticker, and a lease that is left ends with this process: nothing
      // that fails here fails a cell that is finished.
      await schedulerPass(directory, {
        onWait: log,
        notBeforeMs: granted.gpus.length > 0 ? monotonicMs() : 0,
        before: () => {
          removeLease(directory, granted.id);
          removeRevocation(directory, granted.id);
          if (outcome !== undefined) countDone(directory, granted, outcome.seconds);
        },
      })
        .then(({ warnings }) => {
          warnings.forEach(log);
        })
        .catch((error: unknown) => {
          log(`scheduler: ${messageOf(error)}`);
          removeLease(directory, granted.id);
        })
        .catch((error: unknown) => {
          log(`the lease stays until this process ends: ${messageOf(error)}`);
        });
      quietly(() => {
        stake.resign();
      }, log);
    },
  };
}

function quietly(body: () => unknown, log: (line: string) => void): void {
  try {
    body();
  } catch (error) {
    log(messageOf(error));
  }
}

function countDone(
  directory: LockDirectory,
  { run, cell, model, kind, units }: LeaseRecord,
  seconds: number,
): void {
  recordFinished(directory, run, { cell, model, kind, seconds: seconds / units });
}
