import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CellRecord } from '../../../tools/results/read/records.js';
import { durationText, quantiles } from '../../../tools/results/report/drawing/charts.js';
import { escapeHtml, html, linkTo } from '../../../tools/results/report/drawing/html.js';
import { lanesOf } from '../../../tools/results/report/drawing/lanes.js';
import { tickOf } from '../../../tools/results/report/drawing/timeline.js';
import { timeAxis } from '../../../tools/results/report/drawing/time-axis.js';

const T0 = Date.parse('2026-01-01T00:00:00.000Z');
const iso = (seconds: number): string => new Date(T0 + 1000 * seconds).toISOString();

function record(cell: string, from: number, to: number, over: Partial<CellRecord> = {}): CellRecord {
  return {
    ...{ cell, model: 'm', kind: 'certify', part: 'p', startedAt: iso(from), endedAt: iso(to) },
    ...{ waitSeconds: 0, runSeconds: to - from, gpus: [], deviceClass: 'cpu', versions: {}, threads: 1 },
    ...{ gpuHeldSeconds: 0, peakGpuBytes: { torch: null, nvidiaSmi: null }, peakRssBytes: null },
    ...{ bytesWritten: null, attempts: [], ...over },
  };
}

const seconds = (time: number): number => (time - T0) / 1000;

describe('lanes', () => {
  test('one a GPU, with the wait before and failed tries between', () => {
    const tried = record('a', 100, 160, {
      ...{ gpus: ['GPU-2', 'GPU-1'], waitSeconds: 20 },
      attempts: [
        {
          ...{ number: 1, log: 'l', exitCode: 137, cause: 'out_of_memory', gpus: null },
          ...{ startedAt: iso(40), endedAt: iso(70) },
        },
        { number: 2, log: 'l', exitCode: 0, cause: null, gpus: null, startedAt: null, endedAt: null },
      ],
    });
    const lanes = lanesOf([tried, record('b', 200, 210, { gpus: ['GPU-1'] })]);
    expect(lanes.map(({ name, bars }) => [name, bars.map(({ cell }) => cell)])).toEqual([
      ['GPU 0 (GPU-1)', ['a', 'a', 'a', 'b']],
      ['GPU 1 (GPU-2)', ['a', 'a', 'a']],
    ]);
    expect(
      lanes[1]?.bars.map(({ state, from, to, attempt, cause }) => [
        state,
        seconds(from),
        seconds(to),
        attempt,
        cause,
      ]),
    ).toEqual([
      ['waiting', 80, 100, null, null],
      ['retried', 40, 70, 1, 'out_of_memory'],
      ['running', 100, 160, 2, null],
    ]);
  });

  test('of CPU slots: as few as leave no two cells running at once on one', () => {
    const span = fc.tuple(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 1, max: 30 }));
    fc.assert(
      fc.property(fc.array(span, { minLength: 1, maxLength: 12 }), (spans) => {
        const records = spans.map(([from, length], index) =>
          record(`c${index}`, from, from + length, { waitSeconds: 5 }),
        );
        const lanes = lanesOf(records);
        for (const { bars } of lanes) {
          const runs = bars.filter(({ state }) => state === 'running').sort((a, b) => a.from - b.from);
          for (const [index, bar] of runs.entries()) {
            if (index > 0) expect(bar.from).toBeGreaterThanOrEqual(runs[index - 1]?.to ?? 0);
          }
        }
        const atOnce = spans.map(
          ([at]) => spans.filter(([from, length]) => from <= at && at < from + length).length,
        );
        expect(lanes).toHaveLength(Math.max(...atOnce));
        expect(lanes.flatMap(({ bars }) => bars)).toHaveLength(2 * spans.length);
      }),
    );
  });

  test('a batch is one process, however many receipts it left', () => {
    const parts = [record('batch', 0, 10, { part: 'x' }), record('batch', 0, 30, { part: 'y' })];
    expect(lanesOf(parts)[0]?.bars.map(({ to }) => seconds(to))).toEqual([30]);
  });
});

describe('the time axis', () => {
  test('cuts what is idle for long, and keeps the rest to scale', () => {
    const hour = 3_600_000;
    const axis = timeAxis([
      { from: T0, to: T0 + hour },
      { from: T0 + hour + 1_000, to: T0 + 2 * hour },
      { from: T0 + 100 * hour, to: T0 + 101 * hour },
    ]);
    expect(axis.stretches).toHaveLength(2);
    expect(axis.at(T0 + 2 * hour)).toBe(2 * hour);
    // The cut leaves 2 % of the busy time.
    const gap = 0.02 * (3 * hour - 1_000);
    expect(axis.at(T0 + 100 * hour)).toBeCloseTo(2 * hour + gap, 6);
    expect(axis.length).toBeCloseTo(3 * hour + gap, 6);
    expect(axis.at(T0 + 50 * hour)).toBe(2 * hour);
    expect(timeAxis([])).toMatchObject({ length: 0, stretches: [] });
  });

  test('never runs backwards', () => {
    const span = fc.tuple(fc.nat(1e7), fc.nat(1e6)).map(([from, length]) => ({ from, to: from + length }));
    fc.assert(
      fc.property(fc.array(span, { minLength: 1 }), fc.nat(2e7), fc.nat(2e7), (spans, a, b) => {
        const axis = timeAxis(spans);
        expect(axis.at(Math.min(a, b))).toBeLessThanOrEqual(axis.at(Math.max(a, b)));
        for (const { to } of spans) expect(axis.at(to)).toBeLessThanOrEqual(axis.length + 1e-6);
      }),
    );
  });

  test.each([
    [20_000, 5_000],
    [540_000, 60_000],
    [7_200_000, 900_000],
    [3 * 86_400_000, 43_200_000],
  ])('%d ms have a label each %d ms', (length, tick) => {
    expect(tickOf(length)).toBe(tick);
  });
});

test('quartiles between two values, as R has them (type 7)', () => {
  expect(quantiles([4, 1, 3, 2])).toEqual([1, 1.75, 2.5, 3.25, 4]);
  expect(quantiles([7])).toEqual([7, 7, 7, 7, 7]);
});

test.each([
  [0.1, '0.1 s'],
  [59.94, '59.9 s'],
  [60, '1 min'],
  [725.4, '12 min 5 s'],
  [12_000, '3 h 20 min'],
  [187_200, '2 d 4 h'],
])('%d seconds read %s', (value, text) => {
  expect(durationText(value)).toBe(text);
});

test('every value in a page is escaped, and a path is a link whatever is in it', () => {
  expect(html`<p title="${'"&'}">${'<b>'}${html`<i>${1}</i>`}${null}${false}${['<', 2]}</p>`.text).toBe(
    '<p title="&quot;&amp;">&lt;b&gt;<i>1</i>&lt;2</p>',
  );
  expect(escapeHtml("'")).toBe('&#39;');
  expect(linkTo('s', 'output/s/m/a b#c?.json')).toBe('../m/a%20b%23c%3F.json');
  expect(linkTo('s', 'docs/x.md')).toBe('../../../docs/x.md');
});
