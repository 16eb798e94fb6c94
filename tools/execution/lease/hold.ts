// A lease while it is held: its heart beats, its worker is named, and it is given back.
import { monotonicMs } from '../../base/clock.js';
import { messageOf } from '../../base/message.js';
import { forgetBreak, whyBroken } from './directory/broken.js';
import { BEAT_MS, writeBeat } from './directory/heart.js';
import { openLockDirectory, type LockDirectory } from './directory/lock-directory.js';
import { schedulerPass } from './pass.js';
import { identityOf } from '../../host/process-identity.js';
import { recordFinished } from './directory/progress-record.js';
import { readLease, removeLease, writeLease, type LeaseRecord } from './directory/records.js';
import type { Stake } from './ticker.js';

export interface HeldLease {
  record: LeaseRecord;
  waitedMs: number;
  /** Aborts when somebody broke the lease by hand (`nx leases --break`). */
  broken: AbortSignal;
  /** A sentence about who broke it; undefined while nobody did. */
  whyBroken: () => string | undefined;
  /**
   * Name the process group that uses the lease, so that it can be ended if this executor dies.
   *
   * @throws Error when the lease was broken meanwhile: nothing may start under it.
   */
  setWorker: (pid: number) => void;
  /** The worker said something: it lives. */
  signOfLife: () => void;
  /** @param outcome given when the cell is finished: counted in the run's progress. */
  release: (outcome?: { seconds: number }) => Promise<void>;
}

/** Hold what was granted until `release`. `say` is told what goes wrong meanwhile. */
export function hold(
  directory: LockDirectory,
  granted: LeaseRecord,
  waitedMs: number,
  stake: Stake,
  say: (line: string) => void,
): HeldLease {
  let record = granted;
  let released = false;
  let signOfLifeMs = monotonicMs();
  const breaking = new AbortController();
  /** Removed or torn by hand, or not written when the disk was full: it stands again. */
  const keep = (): void => {
    const found = readLease(directory, record.id);
    if (found.state === 'read' && found.value.worker?.pid === record.worker?.pid) return;
    openLockDirectory(directory.root);
    writeLease(directory, record);
  };
  const beat = (): void => {
    try {
      if (whyBroken(directory, record.id) !== undefined) {
        breaking.abort();
        return;
      }
      keep();
      writeBeat(directory, record.id, signOfLifeMs);
    } catch (error) {
      say(`heartbeat: ${messageOf(error)}`);
    }
  };
  beat();
  const heart = setInterval(beat, BEAT_MS).unref();
  return {
    record: granted,
    waitedMs,
    broken: breaking.signal,
    whyBroken: () => whyBroken(directory, record.id),
    setWorker(pid) {
      const broken = whyBroken(directory, record.id);
      if (broken !== undefined) throw new Error(broken);
      record = { ...record, worker: identityOf(pid) ?? null };
      beat();
    },
    signOfLife() {
      signOfLifeMs = monotonicMs();
    },
    async release(outcome) {
      if (released) return;
      released = true;
      clearInterval(heart);
      // Whoever waits is served a second later by the ticker, so a pass that fails here fails nobody's cell.
      await schedulerPass(directory, {
        onWait: say,
        notBeforeMs: granted.gpus.length > 0 ? monotonicMs() : 0,
        before: () => {
          removeLease(directory, granted.id);
          forgetBreak(directory, granted.id);
          if (outcome !== undefined) countDone(directory, granted, outcome.seconds);
        },
      })
        .then(({ warnings }) => {
          warnings.forEach(say);
        })
        .catch((error: unknown) => {
          removeLease(directory, granted.id);
          say(`scheduler: ${messageOf(error)}`);
        });
      stake.resign();
    },
  };
}

function countDone(
  directory: LockDirectory,
  { run, cell, model, kind, units }: LeaseRecord,
  seconds: number,
): void {
  recordFinished(directory, run, { cell, model, kind, seconds: seconds / units });
}
