// Scatters of each edit: what its answers show, against its perplexity ratio. The first is the label's kin, the rest secondary.
import type { Analysis } from '../../analysis/analyse.js';
import type { Secondary } from '../../analysis/ground-truth/secondary.js';
import type { EditResult, Standing } from '../../analysis/variants.js';
import { ratioText } from '../../outputs/text/format.js';
import { STANDINGS } from '../../outputs/text/finding-text.js';
import { cellAnchor, LEGEND } from './charts.js';
import { AXIS, COLOUR, type Chart } from './svg.js';

/** Colour and shape each: whoever tells no colours apart still sees which is which. */
const STANDING_LOOK: Record<Standing, { name: string; colour: string; symbol: string }> = {
  caught: { name: STANDINGS.caught, colour: COLOUR.series[0], symbol: 'circle' },
  left_alone: { name: STANDINGS.left_alone, colour: COLOUR.series[2], symbol: 'rect' },
  missed: { name: STANDINGS.missed, colour: COLOUR.bad, symbol: 'triangle' },
  false_alarm: { name: STANDINGS.false_alarm, colour: COLOUR.series[3], symbol: 'diamond' },
  undecided: { name: STANDINGS.undecided, colour: COLOUR.muted, symbol: 'emptyCircle' },
  unlabelled: { name: STANDINGS.unlabelled, colour: COLOUR.muted, symbol: 'emptyRect' },
  unjudged: { name: STANDINGS.unjudged, colour: COLOUR.muted, symbol: 'emptyTriangle' },
};

interface Measure {
  name: string;
  unit: string;
  /** In that unit; null where it is not known. */
  value: (edit: EditResult) => number | null;
}

function secondary(of: (evidence: Secondary) => number | null): Measure['value'] {
  return ({ label }) => (label.ok ? of(label.value.secondary) : null);
}

const MEASURES = [
  {
    name: 'accuracy change',
    unit: 'percentage points',
    value: ({ label, meanDelta }) => points(label.ok ? label.value.difference : meanDelta),
  },
  { name: 'answers that flipped', unit: '% of items', value: secondary(({ flips }) => points(flips)) },
  {
    name: 'KL over the choices',
    unit: 'nats an item',
    value: secondary(({ klOverChoices }) => klOverChoices),
  },
  {
    name: 'right choice’s probability, change',
    unit: 'percentage points',
    value: secondary(({ goldChange }) => points(goldChange)),
  },
] as const satisfies readonly Measure[];

function points(fraction: number | null): number | null {
  return fraction === null ? null : 100 * fraction;
}

/** Secondary evidence, which decides no label, each against the ratio. */
export function secondaryCharts(analysis: Analysis): Chart[] {
  const [, ...others] = MEASURES;
  return others.flatMap((measure) => scatter(analysis, measure, 'every edit', Infinity) ?? []);
}

/** All edits, and where they crowd about 1 beside some far off, those near the threshold again on a scale of their own. */
export function correlationCharts(analysis: Analysis): Chart[] {
  const [accuracy] = MEASURES;
  const whole = scatter(analysis, accuracy, 'every edit', Infinity);
  if (whole === null) return [];
  const ratios = analysis.edits.flatMap(({ meanRatio }) => meanRatio ?? []);
  const crowded = Math.max(...ratios) > FAR && ratios.filter((ratio) => ratio <= NEAR).length > 2;
  const near = crowded ? scatter(analysis, accuracy, `ratios up to ${NEAR}`, NEAR) : null;
  return near === null ? [whole] : [whole, near];
}

const NEAR = 1.25;
const FAR = 1.6;

function scatter(
  analysis: Analysis,
  { name, unit, value }: Measure,
  which: string,
  upTo: number,
): Chart | null {
  const points = analysis.edits.flatMap((edit) => {
    const { meanRatio: ratio } = edit;
    const y = value(edit);
    return ratio === null || ratio <= 0 || ratio > upTo || y === null ? [] : [{ edit, ratio, y }];
  });
  if (points.length === 0) return null;
  const groups = Object.entries(STANDING_LOOK).flatMap(([standing, look]) => {
    const ones = points.filter(({ edit }) => edit.standing === standing);
    return ones.length === 0 ? [] : [{ look, ones }];
  });
  const thresholds = new Set(
    analysis.certificates.flatMap(({ judgement }) => judgement?.threshold.toFixed(4) ?? []),
  );
  const [threshold] = thresholds.size === 1 ? thresholds : [];
  const ratios = points.map(({ ratio }) => ratio);
  return {
    label: `${name} against perplexity ratio of ${points.length} edits: ${which}`,
    width: 600,
    height: 440,
    option: {
      legend: LEGEND,
      grid: { left: 64, right: 24, top: 40, bottom: 56 },
      xAxis: {
        ...AXIS,
        type: 'log',
        logBase: upTo === Infinity ? 2 : 1.05,
        name: `perplexity ratio to the baseline (log scale), ${which}`,
        nameLocation: 'middle',
        nameGap: 34,
        min: Math.min(0.95, ...ratios) * 0.98,
        max: Math.max(1.2, ...ratios) * 1.05,
        axisLabel: {
          ...AXIS.axisLabel,
          formatter: (value: number) => Number(value.toPrecision(3)).toString(),
        },
      },
      yAxis: {
        ...AXIS,
        type: 'value',
        name: `${name}, ${unit}`,
        nameLocation: 'middle',
        nameGap: 44,
        scale: true,
      },
      series: groups.map(({ look, ones }, index) => ({
        type: 'scatter',
        name: look.name,
        symbol: look.symbol,
        symbolSize: 11,
        itemStyle: { color: look.colour, opacity: 0.9 },
        data: ones.map(({ ratio, y }) => [ratio, Number(y.toPrecision(6))]),
        ...(index === 0 ? { markLine: markLines(threshold) } : {}),
      })),
    },
    marks(series, item) {
      const one = groups[series]?.ones[item];
      if (one === undefined) return undefined;
      const { model, variant } = one.edit;
      const title = `${model}/${variant}: ratio ${ratioText(one.ratio)}, ${name} ${Number(one.y.toPrecision(3))} ${unit}`;
      return { title, href: `#${cellAnchor(model, variant)}` };
    },
  };
}

function markLines(threshold: string | undefined): object {
  const label = (formatter: string): object => ({ formatter, color: COLOUR.muted, position: 'insideEndTop' });
  return {
    symbol: 'none',
    silent: true,
    lineStyle: { color: COLOUR.muted, type: 'dashed' },
    data: [
      { yAxis: 0, label: { show: false } },
      ...(threshold === undefined
        ? []
        : [{ xAxis: Number(threshold), label: label(`threshold ${threshold}`) }]),
    ],
  };
}
