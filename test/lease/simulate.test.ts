// The reference's plan on simulated hosts, by the real grant: makespan against the lower bound, memory, disk.
import { GIB } from '../../tools/base/units.js';
import { describe, expect, test } from 'vitest';
import { usableGiB } from '../../tools/lease/fit.js';
import { simulate, type Simulated, type Simulation } from '../../tools/lease/simulate.js';
import type { Strategy } from '../../tools/lease/state.js';
import type { Cell } from '../../tools/suite/cell.js';
import type { Keep } from '../../tools/suite/keep.js';
import { weightsGiB } from '../../tools/suite/memory.js';
import { memoryNeed, onHostGiB, place } from '../../tools/suite/memory-plan.js';
import { planSuite } from '../../tools/suite/plan.js';
import { basePriority } from '../../tools/suite/priority.js';
import { loadSiteSettings } from '../../tools/suite/settings.js';
import { referenceSuite } from '../suite/parse.js';
import { LIMITS } from './builders.js';

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
    base: ({ kind, project }) => basePriority(kind, project.split('.').at(-1) ?? ''),
    needs: (cell) => needsOf(cell, gpuGiB),
  };
}

const SETTINGS = loadSiteSettings('/nowhere', {});

function needsOf(cell: Cell, gpuGiB: number) {
  const need = memoryNeed(cell, undefined, SETTINGS);
  if (need.device === 'host') return { gpus: 0, gibPerGpu: 0, cpuSlots: 1, ramGiB: onHostGiB(need) };
  const placed = place(need, { count: 8, usableGiB: usableGiB(gpuGiB) }, SETTINGS);
  return { gpus: placed.gpus, gibPerGpu: placed.gibPerGpu, cpuSlots: 1, ramGiB: need.ramGiB };
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
])('the reference on eight %s', (name, gpuGiB) => {
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
  const ramGiB = 64;
  const run = simulate(CELLS, simulation({ ramGiB }));
  expectSound(run);
  const ramOf = new Map<string, number>(CELLS.map((cell) => [cell.id, needsOf(cell, 180).ramGiB]));
  for (const { atSeconds } of run.began) {
    const used = run.began
      .filter((other) => other.atSeconds <= atSeconds && atSeconds < other.atSeconds + other.seconds)
      .reduce((sum, { cell }) => sum + (ramOf.get(cell) ?? Infinity), 0);
    expect(used).toBeLessThanOrEqual(ramGiB);
  }
});
