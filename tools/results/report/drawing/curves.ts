// Detection curves: the probability that a judge flags a variant against how much the variant lost, one chart a judge.
import type { Curve } from '../../analysis/judge-results/curve.js';
import type { JudgeResult } from '../../analysis/judge-results/results.js';
import { cellAnchor } from './charts.js';
import { AXIS, COLOUR, type Chart } from './svg.js';

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
  return {
    label: `${judge}: probability of being flagged against points of accuracy lost, ${variants.length} variants`,
    width: 600,
    height: 300,
    option: {
      grid: { left: 64, right: 24, top: 20, bottom: 52 },
      xAxis: {
        ...AXIS,
        type: 'value',
        name: 'points of mean accuracy lost',
        nameLocation: 'middle',
        nameGap: 30,
        min: Math.asinh(points[0]?.harm ?? 0),
        max: Math.asinh(points.at(-1)?.harm ?? 0),
        axisLabel: {
          ...AXIS.axisLabel,
          hideOverlap: true,
          formatter: (value: number) => Number(Math.sinh(value).toPrecision(2)).toString(),
        },
      },
      yAxis: {
        ...AXIS,
        type: 'value',
        name: 'probability of being flagged',
        nameLocation: 'middle',
        nameGap: 40,
        min: 0,
        max: 1,
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
