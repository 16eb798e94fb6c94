import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  AS_PLANNED,
  adjustedBatch,
  adjustSpec,
  describeAdjustment,
} from '../../../tools/execution/cell/retry/adjustment.js';
import { FAULT_CODES, type FaultCode } from '../../../tools/base/fault.js';
import {
  backoffMs,
  decideRetry,
  type FailedAttempts,
  type RetryLimits,
} from '../../../tools/execution/cell/retry/retry.js';
import { CELL_KINDS, type CellKind } from '../../../tools/suite/model/cell.js';
import type { JsonObject } from '../../../tools/base/json-value.js';

const LIMITS: RetryLimits = { maxRetries: 3, maxOomRetries: 2, backoffSeconds: 30, maxBackoffSeconds: 300 };
const attempts = (change: Partial<FailedAttempts>): FailedAttempts => ({
  kind: 'eval',
  failures: ['unavailable'],
  adjustment: AS_PLANNED,
  batch: 16,
  gpus: 1,
  pool: 8,
  referenceWindows: false,
  ...change,
});
const times = <T>(count: number, value: T): T[] => Array<T>(count).fill(value);

/** How a cell that always fails by one cause is retried: its adjustments, until there is no retry. */
function life(kind: CellKind, code: FaultCode, gpus = 1, pool = 8, batch: number | null = 16) {
  const adjustments = [AS_PLANNED];
  for (;;) {
    const adjustment = adjustments.at(-1) ?? AS_PLANNED;
    const decision = decideRetry(
      attempts({
        kind,
        failures: times(adjustments.length, code),
        adjustment,
        batch: batch === null ? undefined : adjustedBatch(batch, adjustment),
        gpus: gpus + adjustment.extraGpus,
        pool,
      }),
      LIMITS,
      0.5,
    );
    if (!decision.again) return adjustments.slice(1);
    adjustments.push(decision.adjustment);
  }
}

test('passing and unknown causes are retried three times as they were, permanent ones never', () => {
  expect(life('eval', 'unavailable')).toEqual(times(3, AS_PLANNED));
  expect(life('setup', 'unknown')).toEqual(times(3, AS_PLANNED));
  for (const code of ['bad_edit', 'disk_full', 'device_assert', 'timeout', 'cancelled', 'internal'] as const)
    expect(life('eval', code)).toEqual([]);
});

test('out of memory: evaluations halve the batch twice', () => {
  expect(life('eval', 'out_of_memory').map(({ batchDivisor }) => batchDivisor)).toEqual([2, 4]);
  expect(life('eval', 'out_of_memory', 1, 8, 2).map(({ batchDivisor }) => batchDivisor)).toEqual([2]);
  expect(life('eval', 'out_of_memory', 1, 8, 1)).toEqual([]);
});

test('calibrations and certificates halve the batch once, then take a GPU more, then fail', () => {
  for (const kind of ['calibrate', 'certify'] as const) {
    expect(life(kind, 'out_of_memory')).toEqual([
      { ...AS_PLANNED, batchDivisor: 2 },
      { ...AS_PLANNED, batchDivisor: 2, extraGpus: 1 },
    ]);
    expect(life(kind, 'out_of_memory', 1, 1)).toEqual([{ ...AS_PLANNED, batchDivisor: 2 }]);
    expect(life(kind, 'out_of_memory', 1, 8, 1)).toEqual([
      { ...AS_PLANNED, extraGpus: 1 },
      { ...AS_PLANNED, extraGpus: 2 },
    ]);
  }
});

test('memory of the host: the batch is halved only where it lies there; a kill changes nothing', () => {
  expect(life('eval', 'host_out_of_memory', 1)).toEqual(times(2, AS_PLANNED));
  expect(life('eval', 'host_out_of_memory', 0, 0).map(({ batchDivisor }) => batchDivisor)).toEqual([2, 4]);
  expect(life('eval', 'killed', 0, 0)).toEqual(times(2, AS_PLANNED));
  expect(life('edit', 'host_out_of_memory', 0, 0, null)).toEqual(times(2, AS_PLANNED));
});

test('the back-off doubles from its base to its longest, give or take a fifth', () => {
  expect([1, 2, 3, 4, 5, 9].map((n) => backoffMs(n, LIMITS, 0.5))).toEqual(
    [30, 60, 120, 240, 300, 300].map((s) => s * 1000),
  );
  expect(backoffMs(1, LIMITS, 0)).toBe(24_000);
  expect(backoffMs(1, LIMITS, 1)).toBe(36_000);
});

test('whatever happens, retries end, and no decision takes windows, lengths or more GPUs than there are', () => {
  const code = fc.constantFrom<FaultCode>(...FAULT_CODES, 'killed', 'crashed', 'unknown', 'timeout');
  fc.assert(
    fc.property(
      fc.array(code, { minLength: 1, maxLength: 12 }),
      fc.constantFrom(...CELL_KINDS),
      fc.integer({ min: 0, max: 8 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (failures, kind, gpus, random) => {
        const decision = decideRetry(attempts({ kind, failures, gpus, pool: 8 }), LIMITS, random);
        if (failures.length > 3) expect(decision.again).toBe(false);
        if (!decision.again) return;
        expect(decision.adjustment.lengthDivisor).toBe(1);
        expect(gpus + decision.adjustment.extraGpus).toBeLessThanOrEqual(8);
        expect(decision.waitMs).toBeLessThanOrEqual(360_000);
        if (kind === 'eval') expect(decision.adjustment.extraGpus).toBe(0);
      },
    ),
  );
});

const INVARLOCK: JsonObject = {
  run: 1,
  invarlock: { batch_size: 24, seq_len: 1024, stride: 1024, preview: 200, final: 200, bootstrap: 1200 },
};

test('a lessened specification differs in its batch alone', () => {
  const half = { ...AS_PLANNED, batchDivisor: 2 };
  expect(adjustSpec('certify', INVARLOCK, half)).toEqual({
    run: 1,
    invarlock: { batch_size: 12, seq_len: 1024, stride: 1024, preview: 200, final: 200, bootstrap: 1200 },
  });
  expect(adjustSpec('certify', INVARLOCK, AS_PLANNED)).toEqual(INVARLOCK);
  expect(adjustSpec('eval', { batch_size: 'auto:16', seed: 1 }, half)).toEqual({ batch_size: 8, seed: 1 });
  expect(adjustSpec('edit', { type: 'quant_rtn' }, half)).toEqual({ type: 'quant_rtn' });
  expect(describeAdjustment('eval', { batch_size: 3 }, { ...half, extraGpus: 1 })).toEqual({
    batch_size: 1,
    extra_gpus: 1,
  });
});

test("only the original script's own windows are made shorter, to 128 at least", () => {
  const reference = attempts({ kind: 'certify', failures: ['out_of_memory'], referenceWindows: true });
  const decision = decideRetry(reference, LIMITS, 0.5);
  expect(decision).toMatchObject({ adjustment: { batchDivisor: 2, lengthDivisor: 2 } });
  const windows = { batch_size: 2, seq_len: 200, stride: 100 };
  const spec = adjustSpec(
    'certify',
    { invarlock: windows },
    { ...AS_PLANNED, batchDivisor: 2, lengthDivisor: 2 },
  );
  expect(spec).toEqual({ invarlock: { batch_size: 1, seq_len: 128, stride: 64 } });
});

test('a lost node counts as no try, however often, and uses up none of the others', () => {
  const lost = times<FaultCode>(20, 'node_lost');
  expect(decideRetry(attempts({ failures: lost }), LIMITS, 0.5)).toMatchObject({
    again: true,
    waitMs: 300_000,
  });
  const mixed: FaultCode[] = [
    'unavailable',
    'node_lost',
    'node_lost',
    'unavailable',
    'node_lost',
    'unavailable',
  ];
  expect(decideRetry(attempts({ failures: mixed }), LIMITS, 0.5).again).toBe(true);
  expect(decideRetry(attempts({ failures: [...mixed, 'unavailable'] }), LIMITS, 0.5).again).toBe(false);
});
