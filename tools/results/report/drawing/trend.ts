// The trend: how the three rates of a finding went from one complete run to the next.
import { clopperPearson } from '../../analysis/ground-truth/intervals.js';
import type { HistoryEntry } from '../../outputs/history.js';
import { LEGEND } from './charts.js';
import { AXIS, COLOUR, type Chart } from './svg.js';
import { whiskers } from './whiskers.js';

const RATES = [
  { name: 'harmful edits flagged', key: 'sensitivity', colour: COLOUR.series[0], symbol: 'circle' },
  { name: 'harmless edits left alone', key: 'specificity', colour: COLOUR.series[2], symbol: 'rect' },
  { name: 'harmful errors flagged', key: 'error_detection', colour: COLOUR.series[3], symbol: 'diamond' },
] as const;
/** Of the marks of one run, so that their intervals stand beside each other. */
const APART = 0.12;

/** @param history oldest first */
export function trendChart(history: readonly HistoryEntry[]): Chart {
  const days = history.map(({ at }, run) => `${run + 1}: ${at.slice(0, 10)}`);
  const series = RATES.map(({ key, ...look }, index) => ({
    ...look,
    points: history.flatMap((entry, run) => {
      const { hits, of } = entry[key];
      if (of === 0) return [];
      const { low, high } = clopperPearson(hits, of);
      const upright = { low: 100 * low, high: 100 * high };
      return [{ run, hits, of, x: run + (index - 1) * APART, y: (100 * hits) / of, upright, across: null }];
    }),
  }));
  return {
    file: 'trend',
    table: {
      columns: ['last_cell_ended_utc', 'rate', 'hits', 'of', 'percent', 'low', 'high'],
      rows: series.flatMap(({ name, points }) =>
        points.map(({ run, hits, of, y, upright }) => [
          ...[history[run]?.at ?? '', name, hits, of],
          ...[y, upright.low, upright.high],
        ]),
      ),
    },
    label: `The rates of ${history.length} complete runs, with 95 % intervals`,
    width: 860,
    height: 260,
    option: {
      legend: { ...LEGEND, data: RATES.map(({ name }) => name) },
      grid: { left: 64, right: 24, top: 40, bottom: 56 },
      xAxis: {
        ...AXIS,
        type: 'value',
        min: -0.5,
        max: history.length - 0.5,
        name: 'complete run, and when its last cell ended',
        nameLocation: 'middle',
        nameGap: 32,
        splitLine: { show: false },
        axisTick: { ...AXIS.axisTick, customValues: shownRuns(history.length) },
        axisLabel: {
          ...AXIS.axisLabel,
          customValues: shownRuns(history.length),
          formatter: (run: number) => days[run] ?? '',
        },
      },
      yAxis: {
        ...AXIS,
        type: 'value',
        name: 'share, %',
        nameLocation: 'middle',
        nameGap: 40,
        min: -5,
        max: 105,
        axisLine: { ...AXIS.axisLine, onZero: false },
        axisTick: { ...AXIS.axisTick, customValues: [0, 25, 50, 75, 100] },
        axisLabel: { ...AXIS.axisLabel, customValues: [0, 25, 50, 75, 100] },
      },
      series: [
        ...series.map(({ name, colour, symbol, points }) => ({
          ...{ type: 'line', name, symbol, symbolSize: 9, itemStyle: { color: colour } },
          lineStyle: { color: colour, width: 1.5 },
          data: points.map(({ x, y }) => [x, Number(y.toPrecision(6))]),
        })),
        ...series.map(({ name, colour, points }) => whiskers(`95 % of ${name}`, points, colour)),
      ],
    },
    marks(at, item) {
      const one = series[at]?.points[item];
      if (one === undefined) return undefined;
      const { run, hits, of, upright } = one;
      const ends = `${upright.low.toFixed(1)} to ${upright.high.toFixed(1)} %`;
      return { title: `${days[run] ?? ''}: ${series[at]?.name ?? ''}, ${hits} of ${of} [${ends}]` };
    },
  };
}

/** Eight labels at most, the last among them. */
function shownRuns(count: number): number[] {
  const step = Math.ceil(count / 8);
  return Array.from({ length: count }, (_, run) => run).filter((run) => (count - 1 - run) % step === 0);
}
