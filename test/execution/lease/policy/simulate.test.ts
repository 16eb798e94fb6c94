// The original script's plan on simulated hosts, by the real grant: makespan against the lower bound, memory, disk.
import { GIB } from '../../../../tools/base/units.js';
import { describe, expect, test } from 'vitest';
import { usableGiB } from '../../../../tools/execution/lease/policy/fit.js';
import {
  simulate,
  type Simulated,
  type Simulation,
} from '../../../../tools/execution/lease/policy/simulate.js';
import type { Strategy } from '../../../../tools/execution/lease/policy/state.js';
import type { Cell } from '../../../../tools/suite/model/cell.js';
import { needsOf } from '../../../../tools/execution/cell/lease-request.js';
import type { Keep } from '../../../../tools/suite/model/keep.js';
import { estimatedSeconds } from '../../../../tools/suite/plan/estimate.js';
import { weightsGiB } from '../../../../tools/suite/memory/memory.js';
import { plannedMemory } from '../../../../tools/suite/memory/memory-plan.js';
import { planSuite } from '../../../../tools/suite/plan/plan.js';
import { basePriority } from '../../../../tools/suite/plan/priority.js';
import type { ScheduledCell } from '../../../../tools/suite/plan/schedule.js';
import { loadSiteSettings } from '../../../../tools/suite/settings/settings.js';
import { referenceSuite } from '../../../suite/parse.js';
import { LIMITS } from '../builders.js';

const CELLS = planSuite(referenceSuite());
const TIB = 1024 * GIB;

function simulation({
  strategy = 'small_first' as Strategy,
  gpuGiB = 180,
  diskBytes = 100 * TIB,
  keep = 'all' as Keep,
  ramGiB = 2_000,
}): Simulation {
  return {
    host: { gpus: Array.from({ length: 8 }, () => gpuGiB), ramGiB, diskBytes },
    limits: { ...LIMITS, cpuSlots: 64, strategy, disk: { device: 'disk', minFreeBytes: 200 * GIB } },
    keep,
    weightsGiB: ({ sizeClass }) => weightsGiB(sizeClass),
    base: ({ kind, id }) => basePriority(kind, variantOf(id)),
    needs: (cell) => cellNeeds(cell, gpuGiB),
  };
}

const variantOf = (id: string): string => id.split(':')[0]?.split('.')[2] ?? '';

const SETTINGS = loadSiteSettings('/nowhere', {});

function cellNeeds(cell: ScheduledCell, gpuGiB: number) {
  return needsOf(plannedMemory(cell, undefined, SETTINGS, { count: 8, usableGiB: usableGiB(gpuGiB) }));
}

/** No GPU has two cells at once, each cell its GPUs for all its time, and none begins before what it waits for ends. */
function expectSound({ began, unfinished }: Simulated): void {
  expect(unfinished).toEqual([]);
  const ends = new Map(began.map(({ cell, atSeconds, seconds }) => [cell, atSeconds + seconds]));
  const begins = new Map([...began].reverse().map(({ cell, atSeconds }) => [cell, atSeconds]));
  for (const cell of CELLS) {
    for (const id of cell.dependsOn)
      expect(begins.get(cell.id)).toBeGreaterThanOrEqual(ends.get(id) ?? Infinity);
  }
  for (let gpu = 0; gpu < 8; gpu += 1) {
    const own = began
      .filter(({ gpus }) => gpus.includes(`GPU-${gpu}`))
      .sort((a, b) => a.atSeconds - b.atSeconds);
    for (const [at, { atSeconds }] of own.entries()) {
      const before = own[at - 1];
      if (before !== undefined)
        expect(atSeconds).toBeGreaterThanOrEqual(before.atSeconds + before.seconds - 1e-6);
    }
  }
}

describe.each([
  ['B200', 180],
  ['H100', 80],
])('the original script’s plan on eight %s', (name, gpuGiB) => {
  test('critical_path comes within 5 % of the lower bound', () => {
    const runs = (['critical_path', 'small_first'] as const).map((strategy) => {
      const run = simulate(CELLS, simulation({ strategy, gpuGiB }));
      expectSound(run);
      return { strategy, ratio: run.makespanSeconds / run.boundSeconds, hours: run.makespanSeconds / 3_600 };
    });
    console.log(
      `${CELLS.length} cells on eight ${name}: ` +
        runs
          .map(
            ({ strategy, ratio, hours }) =>
              `${strategy} ${hours.toFixed(1)} h, ${ratio.toFixed(3)} × the bound`,
          )
          .join('; '),
    );
    expect(runs[0]?.ratio).toBeLessThanOrEqual(1.05);
  });
});

/** Side of the matrices by size class, and GiB of arithmetic on one core: docs/performance.md, "Edits on GPUs". */
const SIDE = { tiny: 128, '7b': 4096, '13b': 5120, '30b': 7168, '40b': 8192, moe: 4096, '70b': 8192 };
const SECONDS_A_GIB = { quant_rtn: 4, fp4_quant: 4, magnitude_prune: 6, lowrank_svd: 107 };

/** Seconds of one edit on a CPU slot: what it takes on a GPU, where the disk is the limit, and its arithmetic. */
function editOnCpuSeconds({ parts, sizeClass }: ScheduledCell): number {
  const gib = weightsGiB(sizeClass);
  const lowRanks = parts.filter(({ spec }) => spec.type === 'lowrank_svd').length;
  const arithmetic = parts.map(({ spec }) => {
    const edited = gib * (spec.scope === 'ffn' ? 0.75 : 0.95);
    if (spec.type !== 'lowrank_svd') return edited * SECONDS_A_GIB[spec.type as 'quant_rtn'];
    // Ranks of one pass share most of the work.
    return (edited * SECONDS_A_GIB.lowrank_svd * (SIDE[sizeClass] / 4096)) / lowRanks;
  });
  return estimatedSeconds('edit', gib) + arithmetic.reduce((sum, each) => sum + each, 0) / parts.length;
}

test('edits on GPUs: the suite takes about as long as with edits on 64 CPU slots, one model much less', () => {
  const hours = (cells: readonly Cell[], strategy: Strategy, onCpu: boolean): number => {
    const plain = simulation({ strategy });
    const needs = (cell: ScheduledCell) =>
      onCpu && cell.kind === 'edit' ? { ...plain.needs(cell), gpus: 0, gibPerGpu: 0 } : plain.needs(cell);
    const unitSeconds = (cell: ScheduledCell): number =>
      onCpu && cell.kind === 'edit'
        ? editOnCpuSeconds(cell)
        : estimatedSeconds(cell.kind, weightsGiB(cell.sizeClass));
    return simulate(cells, { ...plain, needs, unitSeconds }).makespanSeconds / 3_600;
  };
  const models = ['mistral-7b-v01', 'yi-34b', 'llama-2-70b-hf'];
  for (const strategy of ['small_first', 'critical_path'] as const) {
    const rows = [undefined, ...models].map((model) => {
      const cells = CELLS.filter((cell) => model === undefined || cell.model === model);
      return { model, cpu: hours(cells, strategy, true), gpu: hours(cells, strategy, false) };
    });
    console.log(
      `${strategy}: hours with edits on CPU slots, on GPUs: ` +
        rows.map(({ model = 'all', cpu, gpu }) => `${model} ${cpu.toFixed(1)}, ${gpu.toFixed(1)}`).join('; '),
    );
    for (const { model, cpu, gpu } of rows) expect(gpu / cpu).toBeLessThan(model === undefined ? 1.05 : 0.75);
  }
  const slowest = Math.max(...CELLS.filter(({ kind }) => kind === 'edit').map(editOnCpuSeconds));
  expect(slowest, 'on one core it would end at the time-out').toBeGreaterThan(SETTINGS.timeoutSeconds);
});

describe('disk', () => {
  test.each(['small_first', 'critical_path'] as const)(
    '%s: with `keep: baselines` two terabytes suffice, and all ends',
    (strategy) => {
      const run = simulate(CELLS, simulation({ strategy, keep: 'baselines', diskBytes: 2e12 }));
      expectSound(run);
      expect(run.peakDiskBytes).toBeLessThan(2e12 - 200 * GIB);
      const free = simulate(CELLS, simulation({ strategy }));
      expect(free.peakDiskBytes).toBeGreaterThan(7e12);
      console.log(
        `${strategy}: peak ${(run.peakDiskBytes / 1e12).toFixed(2)} TB of ${(free.peakDiskBytes / 1e12).toFixed(2)} kept whole, ` +
          `makespan ${(run.makespanSeconds / free.makespanSeconds).toFixed(3)} × that without a limit`,
      );
    },
  );

  test('a disk too small for all is refused cell by cell, and the rest ends', () => {
    const run = simulate(CELLS, simulation({ keep: 'all', diskBytes: 2e12 }));
    expect(run.unfinished.length).toBeGreaterThan(0);
    expect(run.began.length).toBeGreaterThan(100);
    expect(run.peakDiskBytes).toBeLessThanOrEqual(2e12 - 200 * GIB);
  });
});

test('host memory is never exceeded, and still all ends', () => {
  const ramGiB = 512;
  const run = simulate(CELLS, simulation({ ramGiB }));
  expectSound(run);
  const ramOf = new Map<string, number>(CELLS.map((cell) => [cell.id, cellNeeds(cell, 180).ramGiB]));
  for (const { atSeconds } of run.began) {
    const used = run.began
      // Sums of seconds are rounded: what ends now is over.
      .filter((other) => other.atSeconds <= atSeconds && atSeconds < other.atSeconds + other.seconds - 1e-6)
      .reduce((sum, { cell }) => sum + (ramOf.get(cell) ?? Infinity), 0);
    expect(used).toBeLessThanOrEqual(ramGiB);
  }
});

describe('a run that was begun before', () => {
  const before = simulate(CELLS, simulation({}));
  const first = before.began.slice(0, 60).map(({ cell }) => cell);
  const finished = new Set(first);
  const open = CELLS.filter(({ id }) => !finished.has(id));

  test('what is finished does not run again, what is blocked not at all, and weights that are there count', () => {
    const stored = new Map(
      CELLS.filter(({ id }) => finished.has(id)).flatMap(({ parts, sizeClass }) =>
        parts.flatMap(({ link, writes }) =>
          link === undefined ? [] : [[writes[0]?.path ?? '', weightsGiB(sizeClass) * GIB] as const],
        ),
      ),
    );
    const blocked = new Set(open.filter(({ model }) => model === 'qwen15-72b').map(({ id }) => id));
    const run = simulate(CELLS, { ...simulation({}), beginning: { finished, blocked, stored } });
    const wanted = open.filter(({ id }) => !blocked.has(id)).map(({ id }) => id);
    expect(run.unfinished).toEqual([]);
    expect(run.began.map(({ cell }) => cell).sort()).toEqual([...wanted].sort());
    expect(run.makespanSeconds).toBeLessThan(before.makespanSeconds);
    expect(run.boundSeconds).toBeLessThan(before.boundSeconds);
    const held = [...stored.values()].reduce((sum, bytes) => sum + bytes, 0);
    expect(held).toBeGreaterThan(0);
    expect(run.peakDiskBytes).toBeGreaterThan(held);
    expect(run.peakDiskBytes).toBeLessThan(before.peakDiskBytes);
  });

  test('a batch makes only the parts that are left', () => {
    const batch = CELLS.find(({ id }) => id.endsWith('mistral-7b-v01.edits:edit'));
    if (batch === undefined) throw new Error('no batch');
    const rest = new Set(CELLS.map(({ id }) => id).filter((id) => id !== batch.id));
    const beginning = { finished: rest, parts: new Map([[batch.id, ['quant_8bit_clean', 'fp4_stress']]]) };
    const run = simulate(CELLS, { ...simulation({}), beginning });
    expect(run.began).toEqual([
      { cell: batch.id, atSeconds: 0, seconds: 2 * estimatedSeconds('edit', 14), gpus: ['GPU-0'] },
    ]);
    expect(run.peakDiskBytes).toBe(2 * 14 * GIB);
  });

  test('what was measured goes before the estimate, for the cells and for the order they are served in', () => {
    const seconds = { 'mistral-7b-v01/eval': 7 };
    const run = simulate(CELLS, { ...simulation({}), beginning: { seconds } });
    const evaluation = run.began.find(({ cell }) => cell.endsWith('mistral-7b-v01.baseline:eval'));
    // All four benchmarks, what their requests begin with alike computed once.
    expect(evaluation?.seconds).toBeCloseTo(0.97 * 7);
    const other = run.began.find(({ cell }) => cell.endsWith('yi-34b.baseline:eval'));
    expect(other?.seconds).toBeCloseTo(0.97 * estimatedSeconds('eval', 80));
  });

  test('the copy that the hub’s cache keeps of a download stays', () => {
    const keepsCopy = ({ kind }: ScheduledCell): boolean => kind === 'setup';
    const copied = simulate(CELLS, { ...simulation({}), keepsCopy });
    const baselines = CELLS.filter(({ kind }) => kind === 'setup');
    const bytes = baselines.reduce((sum, { sizeClass }) => sum + weightsGiB(sizeClass) * GIB, 0);
    expect(copied.peakDiskBytes - before.peakDiskBytes).toBeCloseTo(bytes, 0);
  });
});

test('without a GPU slots bound the time', () => {
  const { limits, ...rest } = simulation({});
  const run = simulate(CELLS, {
    ...rest,
    host: { ...rest.host, gpus: [] },
    limits: { ...limits, cpuSlots: 3 },
    needs: () => ({ gpus: 0, gibPerGpu: 0, cpuSlots: 1, ramGiB: 1 }),
  });
  const work = run.began.reduce((sum, { seconds }) => sum + seconds, 0);
  expect(run.unfinished).toEqual([]);
  expect(run.boundSeconds).toBeCloseTo(work / 3);
  expect(run.makespanSeconds).toBeGreaterThanOrEqual(run.boundSeconds);
  expect(run.makespanSeconds).toBeLessThan(1.05 * run.boundSeconds);
});
