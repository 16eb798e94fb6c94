// Detection curves: the probability that a judge flags a variant against how much the variant lost, one chart a judge.
import type { Curve } from '../../analysis/judge-results/curve.js';
import type { JudgeResult } from '../../analysis/judge-results/results.js';
import { cellAnchor } from './charts.js';
import { AXIS, COLOUR, type Chart } from './svg.js';
import { arsinhTicks } from './ticks.js';

const SHARES = [0, 0.2, 0.4, 0.6, 0.8, 1];

/** Marks of variants lie on the two lines of what the judge said. */
export function curveChart({ judge, curve }: JudgeResult): Chart | null {
  if (curve === null) return null;
  const { points, variants } = curve;
  const line = (name: string, of: (point: Curve['points'][number]) => number, dashed: boolean): object => ({
    type: 'line',
    name,
    symbol: 'none',
    silent: true,
    lineStyle: { color: COLOUR.series[0], width: dashed ? 1 : 2.5, type: dashed ? 'dashed' : 'solid' },
    data: points.map((point) => [Math.asinh(point.harm), Number(of(point).toPrecision(4))]),
  });
  const [from, to] = [Math.asinh(points[0]?.harm ?? 0), Math.asinh(points.at(-1)?.harm ?? 0)];
  // Marks at the ends stay whole.
  const room = 0.03 * (to - from);
  const ticks = arsinhTicks(Math.sinh(from - room), Math.sinh(to + room)).map((each) => Math.asinh(each));
  return {
    file: `detection-${judge}`,
    table: {
      columns: ['kind', 'model', 'variant', 'points_lost', 'flagged_or_probability', 'low', 'high'],
      rows: [
        ...variants.map(({ model, variant, harm, flagged }) => [
          ...['variant', model, variant, harm, flagged ? 1 : 0],
          ...[null, null],
        ]),
        ...points.map(({ harm, probability, low, high }) => [
          ...['curve', null, null, harm],
          ...[probability, low, high],
        ]),
      ],
    },
    label: `${judge}: probability of being flagged against points of accuracy lost, ${variants.length} variants`,
    width: 600,
    height: 300,
    option: {
      grid: { left: 64, right: 24, top: 20, bottom: 52 },
      xAxis: {
        ...AXIS,
        type: 'value',
        name: 'mean accuracy lost, percentage points (arsinh scale)',
        nameLocation: 'middle',
        nameGap: 30,
        min: from - room,
        max: to + room,
        axisTick: { ...AXIS.axisTick, customValues: ticks },
        axisLabel: {
          ...AXIS.axisLabel,
          customValues: ticks,
          formatter: (value: number) => Number(Math.sinh(value).toPrecision(2)).toString(),
        },
      },
      yAxis: {
        ...AXIS,
        type: 'value',
        name: 'probability of being flagged',
        nameLocation: 'middle',
        nameGap: 40,
        min: -0.05,
        max: 1.05,
        axisTick: { ...AXIS.axisTick, customValues: SHARES },
        axisLabel: { ...AXIS.axisLabel, customValues: SHARES },
      },
      series: [
        {
          type: 'scatter',
          name: 'variants',
          symbol: 'circle',
          symbolSize: 9,
          itemStyle: { color: COLOUR.series[3], opacity: 0.8 },
          data: variants.map(({ harm, flagged }) => [Math.asinh(harm), flagged ? 1 : 0]),
        },
        line('curve', ({ probability }) => probability, false),
        line('low end of the band', ({ low }) => low, true),
        line('high end of the band', ({ high }) => high, true),
      ],
    },
    marks(series, item) {
      const one = series === 0 ? variants[item] : undefined;
      if (one === undefined) return undefined;
      const { model, variant, harm, flagged } = one;
      const title = `${model}/${variant}: ${harm.toFixed(1)} points lost, ${flagged ? 'flagged' : 'passed'}`;
      return { title, href: `#${cellAnchor(model, variant)}` };
    },
  };
}
