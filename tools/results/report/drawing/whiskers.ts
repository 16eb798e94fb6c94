// Intervals on the points of a chart: a line each way, drawn behind the marks.
import type { Interval } from '../../analysis/statistics/statistics.js';
import { COLOUR } from './svg.js';

export interface Whisker {
  x: number;
  y: number;
  /** Where that figure's interval is known. */
  across: Interval | null;
  upright: Interval | null;
}

export interface RenderApi {
  value: (dimension: number) => number;
  coord: (point: [number, number]) => [number, number];
}

/** Half the end mark of a line, in pixels. */
const CAP = 3;

/** A series of ECharts; what has no interval draws nothing. */
export function whiskers(name: string, points: readonly Whisker[], colour: string = COLOUR.muted): object {
  return {
    type: 'custom',
    name,
    silent: true,
    clip: true,
    z: 1,
    itemStyle: { color: colour },
    dimensions: ['x', 'y', 'left', 'right', 'bottom', 'top'],
    encode: { x: [0, 2, 3], y: [1, 4, 5] },
    data: points.map(({ x, y, across, upright }) =>
      [x, y, across?.low ?? x, across?.high ?? x, upright?.low ?? y, upright?.high ?? y].map(six),
    ),
    renderItem: (_params: unknown, api: RenderApi) => shape(api, colour),
  };
}

function six(value: number): number {
  return Number(value.toPrecision(6));
}

function shape(api: RenderApi, stroke: string): object {
  const [x, y, left, right, bottom, top] = [0, 1, 2, 3, 4, 5].map((at) => api.value(at)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const style = { stroke, fill: null, lineWidth: 1.25, opacity: 0.8 };
  const line = (x1: number, y1: number, x2: number, y2: number): object => ({
    type: 'line',
    shape: { x1, y1, x2, y2 },
    style,
  });
  const children: object[] = [];
  if (left !== right) {
    const [[from, at], [to]] = [api.coord([left, y]), api.coord([right, y])];
    children.push(line(from, at, to, at), ...[from, to].map((end) => line(end, at - CAP, end, at + CAP)));
  }
  if (bottom !== top) {
    const [[at, from], [, to]] = [api.coord([x, bottom]), api.coord([x, top])];
    children.push(line(at, from, at, to), ...[from, to].map((end) => line(at - CAP, end, at + CAP, end)));
  }
  return { type: 'group', children };
}
