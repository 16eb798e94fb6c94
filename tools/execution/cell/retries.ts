// The tries of one cell: after each that failed, what its cause asks for, until one ends well or none is left.
import { constants } from 'node:os';
import { monotonicMs } from '../../base/clock.js';
import type { CellKind } from '../../suite/model/cell.js';
import type { JsonObject } from '../../base/json-value.js';
import type { SiteSettings } from '../../suite/settings/settings.js';
import { AS_PLANNED, adjustedBatch, batchOf, hasReferenceWindows, type Adjustment } from './adjustment.js';
import { classOf, Fault, type FaultCode } from '../../base/fault.js';
import type { Journal } from '../records/journal.js';
import type { AttemptReport } from '../records/receipt.js';
import { nextTry, type RetryDecision } from './retry.js';

/** A try that started Python and did not end well. */
export class FailedAttempt extends Fault {
  constructor(
    fault: Fault,
    readonly report: AttemptReport,
    /** Of the lease: how many, and their indices as nvidia-smi counts. */
    readonly gpus: readonly number[],
  ) {
    super(fault.code, fault.message, fault.hint);
  }
}

export interface TriedCell {
  cell: string;
  kind: CellKind;
  spec: JsonObject;
  settings: SiteSettings;
  /** GPUs of the pool. */
  pool: number;
  journal: Journal;
  say: (line: string) => void;
}

export class Tries {
  /** Those that ended, for the receipt of the one that ends well. */
  readonly reports: AttemptReport[] = [];
  /** What the next one does otherwise than planned. */
  adjustment: Adjustment = AS_PLANNED;
  /** When the next one may begin (`monotonicMs`): its ticket backs off until then, in its place in the queue. */
  notBeforeMs = 0;
  readonly #failures: FaultCode[] = [];

  constructor(private readonly cell: TriedCell) {}

  /**
   * Run `attempt` until it ends well. Between two tries nothing is held.
   *
   * @throws Fault of the last one.
   */
  async run<T>(attempt: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof FailedAttempt)) throw error;
        this.reports.push(error.report);
        this.#failures.push(error.code);
        const decision = this.#decide(error);
        this.#record(error, decision);
        if (!decision.again) throw error;
        this.adjustment = decision.adjustment;
        this.#backOff(error, decision);
      }
    }
  }

  #decide({ gpus }: FailedAttempt): RetryDecision {
    const { kind, spec, settings, pool } = this.cell;
    const batch = batchOf(kind, spec);
    const tried = {
      kind,
      failures: this.#failures,
      adjustment: this.adjustment,
      batch: batch === undefined ? undefined : adjustedBatch(batch, this.adjustment),
      gpus: gpus.length,
      pool,
      referenceWindows: hasReferenceWindows(kind, spec),
    };
    return nextTry(tried, settings, Math.random());
  }

  #record({ code, message, report, gpus }: FailedAttempt, { again }: RetryDecision): void {
    if (code === 'cancelled') return;
    const { cell, journal } = this.cell;
    journal.error({
      at: report.endedAt,
      cell,
      attempt: report.number,
      code,
      class: classOf(code),
      message,
      log: report.log,
      gpus: [...gpus],
      again,
    });
  }

  #backOff({ code, message }: Fault, decision: RetryDecision & { again: true }): void {
    const seconds = (decision.waitMs / 1_000).toFixed(decision.waitMs < 10_000 ? 1 : 0);
    this.cell.say(`failed (${code}): ${message}; tries again in ${seconds} s, ${decision.why}`);
    this.notBeforeMs = monotonicMs() + decision.waitMs;
  }
}

/** The number of a signal, for exit codes as shells count them; 0 for one this system does not know. */
export function signalNumber(name: string): number {
  return (constants.signals as Record<string, number | undefined>)[name] ?? 0;
}
