import { expect, test } from 'vitest';
import type { PlanReport } from '../../../tools/monitoring/forecast/report.js';
import { planText } from '../../../tools/monitoring/forecast/text.js';

const REPORT: PlanReport = {
  suite: 's',
  cells: [
    ...[1, 2, 3, 4, 5, 6].map((k) => ({
      ...{
        id: `s.m.x:certify-${k}`,
        state: 'to run' as const,
        reason: 'no receipt',
        parts: [`certify-${k}`],
      },
    })),
    { id: 's.m.baseline:eval', state: 'blocked', reason: 'needs 3 GPUs', parts: ['eval'] },
  ],
  restored: null,
  byKind: { certify: { cached: 0, 'to run': 6, blocked: 0 }, eval: { cached: 0, 'to run': 0, blocked: 1 } },
  host: { gpus: 8, usableGiBPerGpu: 172, cpuSlots: 64, assumed: false },
  time: { gpuHours: 12, hours: 2, atLeastHours: 1.5, cells: 6, measuredCells: 0, scaledCells: 0 },
  disk: {
    ...{ wantedGiB: 900, peakGiB: 900, freeGiB: 2_000, minFreeGiB: 200, keep: 'all', path: '/store' },
    withoutDisk: [],
    byName: [],
  },
  memory: [],
  willNotFit: ['s.m.baseline:eval needs 3 GPUs'],
  warnings: [],
};

const text = (change: Partial<PlanReport> = {}, verbose = false): string =>
  planText({ ...REPORT, ...change }, verbose).join('\n');
const disk = (change: Partial<PlanReport['disk']>): string => text({ disk: { ...REPORT.disk, ...change } });
const time = (change: Partial<PlanReport['time']>): string => text({ time: { ...REPORT.time, ...change } });

test('counts, and the reason for each run, with the first cells by name', () => {
  expect(text()).toContain('s: 7 cells: 0 finished, 6 to run, 1 blocked');
  expect(text()).toContain('6 × no receipt');
  expect(text()).toContain('and 3 more (--verbose names them)');
  expect(text({}, true)).toContain('s.m.x:certify-6');
  expect(text()).toContain('1 × needs 3 GPUs');
  expect(text()).toMatch(/will not fit on this host:\n +m: 1 cells/);
});

test('what the cache had is told apart, and what it may still have', () => {
  const states = REPORT.cells.map((cell, index) =>
    index < 3 ? { ...cell, state: 'cached' as const, reason: '' } : cell,
  );
  const asked = text({ cells: states, restored: ['s.m.x:certify-1', 's.m.x:certify-2'] });
  expect(asked).toContain("s: 7 cells: 1 finished, 2 restored from Nx's cache, 3 to run, 1 blocked");
  expect(asked).toContain('it may when that has come out as before');
  expect(asked).toContain('finished or restored');
  const all = REPORT.cells.map((cell) => ({ ...cell, state: 'cached' as const, reason: '' }));
  expect(text({ cells: all, restored: all.map(({ id }) => id) })).not.toContain('it may when');
});

test("what is this suite's own is told apart from the original script's cells", () => {
  const cells = [
    'baseline:baseline-1',
    'baseline:null-1',
    'error_zero_layer:eval',
    'error_zero_layer:inject',
  ].map((id) => ({ id: `s.m.${id}`, state: 'to run' as const, reason: 'no receipt', parts: [] }));
  expect(text({ cells: [...REPORT.cells, ...cells] })).toContain(
    's: 11 cells: 0 finished, 10 to run, 1 blocked\n' +
      "  Nx's cache may have some of those to run: npx nx run s:plan --cache asks it\n" +
      '  8 of them as the original script has, and 1 baseline report, 1 evaluation of an error, 1 null run\n',
  );
  expect(text()).not.toContain('original script');
});

test('time: for which host, and what the figure rests on', () => {
  expect(text()).toContain(
    '12.0 GPU-hours of work, about 2.0 h on 8 GPUs of 172 GiB; no schedule takes less',
  );
  expect(text()).toContain('nothing was measured yet');
  expect(time({ measuredCells: 2, scaledCells: 3 })).toContain(
    'Of 6 cells 2 by what their kind took on their model (medians), 3 by what it took on another model, in proportion to the sizes, 1 by weights and kind.',
  );
  expect(time({ measuredCells: 6 })).toContain(
    'Of 6 cells 6 by what their kind took on their model (medians).',
  );
  expect(text({ host: { ...REPORT.host, assumed: true } })).toContain('8 GPUs of 172 GiB (assumed)');
  expect(text({ host: { ...REPORT.host, gpus: 0 } })).toContain('64 CPU slots (no GPU here');
});

test('nothing to run: no time, no disk, no memory', () => {
  const cells = REPORT.cells.map((cell) => ({ ...cell, state: 'cached' as const, reason: 'receipt' }));
  const told = text({ cells, willNotFit: [] });
  expect(told).toContain('s: 7 cells: 7 finished, 0 to run, 0 blocked');
  expect(told).toContain('nothing runs: every cell has its results');
  expect(told).not.toMatch(/^(time|disk|memory)/m);
});

test('disk: which models only their size class is known of', () => {
  expect(disk({ byName: ['a', 'b', 'c', 'd', 'e'] })).toContain(
    'in /store; estimated by size class, as their sizes are not known yet: a, b, c and 2 more; 2.0 TiB free',
  );
});

test('disk: enough, enough with waiting, not enough, not known', () => {
  expect(disk({})).toMatch(/900 GiB of weights .* in \/store; 2\.0 TiB free, 200 GiB stay free$/m);
  expect(disk({ keep: 'baselines', freeGiB: 700, peakGiB: 490 })).toContain(
    '200 GiB stay free: enough for 490 GiB at a time, cells that write weights wait for others to go',
  );
  expect(disk({ withoutDisk: ['a', 'b'] })).toContain(
    'NOT ENOUGH for 2 of the cells; free some, or set storage.keep: baselines',
  );
  expect(disk({ withoutDisk: ['a'], keep: 'none' })).toMatch(/NOT ENOUGH for 1 of the cells; free some$/m);
  expect(disk({ freeGiB: null })).toMatch(/in \/store; 200 GiB stay free$/m);
});
