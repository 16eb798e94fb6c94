// The timeline: a lane a GPU or CPU slot; running coloured by kind, waiting a grey strip below, failed tries crossed.
import type { CellKind } from '../../../suite/model/cell.js';
import { durationText, labelWidth, LEGEND } from './charts.js';
import type { Bar, Lane } from './lanes.js';
import { AXIS, COLOUR, type Chart } from './svg.js';
import { timeAxis } from './time-axis.js';
import type { RenderApi } from './whiskers.js';

/** Five colours for the kinds, which five is what most eyes tell apart. */
const GROUPS: readonly { name: string; kinds: readonly CellKind[]; colour: string }[] = [
  { name: 'data, setup', kinds: ['data', 'setup'], colour: COLOUR.series[1] },
  {
    name: 'calibrate, preset, baseline',
    kinds: ['calibrate', 'preset', 'baseline'],
    colour: COLOUR.series[4],
  },
  { name: 'edit, adopt, inject', kinds: ['edit', 'adopt', 'program', 'inject'], colour: COLOUR.series[3] },
  { name: 'eval', kinds: ['eval'], colour: COLOUR.series[2] },
  { name: 'certify', kinds: ['certify', 'guards', 'regression', 'certify012'], colour: COLOUR.series[0] },
];

const LANE_HEIGHT = 30;

export function timelineChart(lanes: readonly Lane[]): Chart | null {
  const all = lanes.flatMap(({ bars }, lane) => bars.map((bar) => ({ bar, lane })));
  if (all.length === 0) return null;
  const axis = timeAxis(all.map(({ bar }) => bar));
  const place = ({ bar, lane }: (typeof all)[number]): number[] => [axis.at(bar.from), axis.at(bar.to), lane];
  const groups = [
    { name: 'waiting', colour: COLOUR.waiting, items: all.filter(({ bar }) => bar.state === 'waiting') },
    ...GROUPS.map(({ name, kinds, colour }) => ({
      ...{ name, colour },
      items: all.filter(({ bar }) => bar.state === 'running' && kinds.includes(bar.kind)),
    })),
    { name: 'failed try', colour: COLOUR.bad, items: all.filter(({ bar }) => bar.state === 'retried') },
  ].filter(({ items }) => items.length > 0);
  return {
    file: 'timeline',
    table: {
      columns: ['lane', 'cell', 'kind', 'state', 'attempt', 'cause', 'from_utc', 'to_utc'],
      rows: all.map(({ bar, lane }) => [
        ...[lanes[lane]?.name ?? '', bar.cell, bar.kind, bar.state, bar.attempt, bar.cause],
        ...[new Date(bar.from).toISOString(), new Date(bar.to).toISOString()],
      ]),
    },
    label: `Timeline: ${all.length} stretches on ${lanes.length} lanes`,
    width: 1100,
    height: 110 + LANE_HEIGHT * lanes.length,
    option: {
      legend: LEGEND,
      grid: {
        left: labelWidth(lanes.map(({ name }) => name)),
        right: 24,
        top: 36,
        bottom: 56,
      },
      xAxis: {
        ...AXIS,
        type: 'value',
        min: 0,
        max: Math.max(1, axis.length),
        interval: tickOf(axis.length),
        splitLine: { show: false },
        axisLabel: {
          ...AXIS.axisLabel,
          hideOverlap: true,
          showMaxLabel: false,
          formatter: (value: number) => (value === 0 ? '0' : durationText(value / 1000)),
        },
        name:
          axis.stretches.length > 1
            ? `time in which something ran or waited; ${cutsText(axis.stretches.length - 1)} (dashed)`
            : 'time since the first cell',
        nameLocation: 'middle',
        nameGap: 32,
      },
      yAxis: {
        ...AXIS,
        type: 'category',
        data: lanes.map(({ name }) => name),
        inverse: true,
        splitLine: { show: true, lineStyle: { color: COLOUR.line, opacity: 0.4 } },
      },
      series: groups.map(({ name, colour, items }, index) => ({
        type: 'custom',
        name,
        itemStyle: { color: colour },
        data: items.map(place),
        encode: { x: [0, 1], y: 2 },
        renderItem: (_params: unknown, api: RenderApi) =>
          shape(api, items[0]?.bar.state ?? 'running', colour),
        ...(index === 0 ? { markLine: cuts(axis.stretches.slice(1).map(({ at }) => at)) } : {}),
      })),
    },
    marks(series, item) {
      const bar = groups[series]?.items[item]?.bar;
      return bar === undefined ? undefined : { title: sentence(bar) };
    },
  };
}

/** Between two labels, in milliseconds: a round time, ten at most over the length. */
export function tickOf(length: number): number {
  const minutes = [1 / 12, 1 / 6, 0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10_080];
  const fitting = minutes.find((each) => length / (60_000 * each) <= 10) ?? length / 600_000;
  return 60_000 * fitting;
}

function cutsText(cuts: number): string {
  return cuts === 1 ? '1 idle stretch is cut' : `${cuts} idle stretches are cut`;
}

/** Waiting is a thin strip at the foot of the lane; a failed try has the full height and a dark edge. */
function shape(api: RenderApi, state: Bar['state'], fill: string): object {
  const [x, y] = api.coord([api.value(0), api.value(2)]);
  const [end] = api.coord([api.value(1), api.value(2)]);
  const top = state === 'waiting' ? LANE_HEIGHT * 0.3 : -LANE_HEIGHT * 0.36;
  const height = state === 'waiting' ? LANE_HEIGHT * 0.14 : LANE_HEIGHT * 0.6;
  const edge = state === 'retried' ? { stroke: COLOUR.text, lineWidth: 1.5 } : {};
  return {
    type: 'rect',
    shape: { x, y: y + top, width: Math.max(1, end - x - 0.4), height },
    style: { fill, opacity: state === 'waiting' ? 0.55 : 0.95, ...edge },
  };
}

function cuts(at: readonly number[]): object {
  return {
    symbol: 'none',
    silent: true,
    label: { show: false },
    lineStyle: { color: COLOUR.muted, type: 'dashed' },
    data: at.map((xAxis) => ({ xAxis })),
  };
}

function sentence({ cell, state, attempt, cause, from, to }: Bar): string {
  const took = durationText((to - from) / 1000);
  const at = new Date(from).toISOString().slice(0, 19).replace('T', ' ');
  switch (state) {
    case 'waiting':
      return `${cell}: waited ${took} from ${at}`;
    case 'running':
      return `${cell}: ran ${took} from ${at}${attempt !== null && attempt > 1 ? `, attempt ${attempt}` : ''}`;
    case 'retried':
      return `${cell}: attempt ${attempt ?? '?'} failed after ${took} (${cause ?? 'unknown'}), tried again`;
  }
}
