// Scatters of each edit: what its answers show, against its perplexity ratio. The first is the label's kin, the rest secondary.
import type { Analysis } from '../../analysis/analyse.js';
import { NORMAL_95 } from '../../analysis/ground-truth/distributions.js';
import { clopperPearson } from '../../analysis/ground-truth/intervals.js';
import type { Labelled } from '../../analysis/ground-truth/label.js';
import type { Interval } from '../../analysis/statistics/statistics.js';
import type { EditResult, Standing } from '../../analysis/variants.js';
import { ratioText } from '../../outputs/text/format.js';
import { STANDINGS } from '../../outputs/text/finding-text.js';
import { cellAnchor, LEGEND } from './charts.js';
import { AXIS, COLOUR, type Chart } from './svg.js';
import { evenTicks, logTicks } from './ticks.js';
import { whiskers } from './whiskers.js';

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
  /** Of its files. */
  file: string;
  name: string;
  unit: string;
  /** In that unit; null where it is not known. */
  value: (edit: EditResult) => number | null;
  /** 95 %, in that unit; null where it is not known. */
  interval: (edit: EditResult) => Interval | null;
}

type OfLabel<T> = (labelled: Labelled) => T | null;

function labelled<T>(of: OfLabel<T>): (edit: EditResult) => T | null {
  return ({ label }) => (label.ok ? of(label.value) : null);
}

const MEASURES = [
  {
    file: 'accuracy',
    name: 'accuracy change',
    unit: 'percentage points',
    value: ({ label, meanDelta }) => points(label.ok ? label.value.difference : meanDelta),
    interval: labelled(({ difference, standardError }) => around(100 * difference, 100 * standardError)),
  },
  {
    file: 'flips',
    name: 'answers that flipped',
    unit: '% of items',
    value: labelled(({ secondary: { flips } }) => points(flips)),
    interval: labelled(({ secondary: { flips }, benchmarks }) => {
      const items = benchmarks.reduce((sum, { n }) => sum + n, 0);
      const { low, high } = clopperPearson(Math.round(flips * items), items);
      return { low: 100 * low, high: 100 * high };
    }),
  },
  {
    file: 'kl',
    name: 'KL over the choices',
    unit: 'nats an item',
    value: labelled(({ secondary }) => secondary.klOverChoices),
    interval: labelled(({ secondary: { klOverChoices, klStandardError } }) =>
      around(klOverChoices, klStandardError),
    ),
  },
  {
    file: 'right-choice',
    name: 'right choice’s probability, change',
    unit: 'percentage points',
    value: labelled(({ secondary: { goldChange } }) => points(goldChange)),
    interval: labelled(({ secondary: { goldChange, goldT } }) =>
      goldT === null || goldT === 0
        ? null
        : around(points(goldChange), Math.abs((points(goldChange) ?? NaN) / goldT)),
    ),
  },
] as const satisfies readonly Measure[];

function around(value: number | null, standardError: number | null): Interval | null {
  if (value === null || standardError === null) return null;
  const half = NORMAL_95 * standardError;
  return Number.isFinite(value) && Number.isFinite(half) ? { low: value - half, high: value + half } : null;
}

/** InvarLock's interval of the ratio; of several certificates from the lowest end to the highest. */
export function ratioInterval({ runs }: Pick<EditResult, 'runs'>): Interval | null {
  const known = runs.flatMap(({ judgement }) => judgement?.ci ?? []);
  const sound = known.filter(({ low, high }) => low > 0 && Number.isFinite(high));
  if (sound.length === 0) return null;
  return {
    low: Math.min(...sound.map(({ low }) => low)),
    high: Math.max(...sound.map(({ high }) => high)),
  };
}

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
  { file, name, unit, value, interval }: Measure,
  which: string,
  upTo: number,
): Chart | null {
  const points = analysis.edits.flatMap((edit) => {
    const { meanRatio: ratio } = edit;
    const y = value(edit);
    if (ratio === null || !(ratio > 0 && ratio <= upTo && ratio < Infinity)) return [];
    if (y === null || !Number.isFinite(y)) return [];
    return [{ edit, ratio, y, across: ratioInterval(edit), upright: interval(edit) }];
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
  // With its intervals; those far beyond what is shown do not make it wider.
  const shown = points.flatMap(({ ratio, across }) => [ratio, across?.low ?? ratio, across?.high ?? ratio]);
  const low = Math.min(0.95, ...shown) * 0.98;
  const high = Math.max(1.2, ...shown.filter((ratio) => ratio <= upTo)) * 1.05;
  const ticks = logTicks(low, high);
  const upright = uprightAxis(
    points.flatMap((one) => [one.y, one.upright?.low ?? one.y, one.upright?.high ?? one.y]),
  );
  return {
    file: upTo === Infinity ? `${file}-by-ratio` : `${file}-by-ratio-near-1`,
    table: {
      columns: [
        ...['model', 'variant', 'standing', 'pm_ratio', 'pm_ratio_low', 'pm_ratio_high'],
        ...[`${name}, ${unit}`, 'low', 'high'],
      ],
      rows: points.map(({ edit, ratio, y, across, upright }) => [
        ...[edit.model, edit.variant, STANDING_LOOK[edit.standing].name, ratio],
        ...[across?.low ?? null, across?.high ?? null, y, upright?.low ?? null, upright?.high ?? null],
      ]),
    },
    label: `${name} against perplexity ratio of ${points.length} edits: ${which}`,
    width: 600,
    height: 440,
    option: {
      legend: { ...LEGEND, data: groups.map(({ look }) => look.name) },
      // Five names take a second line.
      grid: { left: 64, right: 24, top: groups.length > 4 ? 92 : 56, bottom: 56 },
      xAxis: {
        ...AXIS,
        type: 'log',
        name: `perplexity ratio to the baseline (log scale), ${which}`,
        nameLocation: 'middle',
        nameGap: 34,
        min: low,
        max: high,
        axisTick: { ...AXIS.axisTick, customValues: ticks },
        axisLabel: {
          ...AXIS.axisLabel,
          customValues: ticks,
          formatter: (value: number) => Number(value.toPrecision(3)).toString(),
        },
      },
      yAxis: {
        ...AXIS,
        type: 'value',
        name: `${name}, ${unit}`,
        nameLocation: 'middle',
        nameGap: 44,
        min: upright.min,
        max: upright.max,
        axisTick: { ...AXIS.axisTick, customValues: upright.ticks },
        axisLabel: { ...AXIS.axisLabel, customValues: upright.ticks },
      },
      series: [
        ...groups.map(({ look, ones }, index) => ({
          type: 'scatter',
          name: look.name,
          symbol: look.symbol,
          symbolSize: 11,
          itemStyle: { color: look.colour, opacity: 0.9 },
          data: ones.map(({ ratio, y }) => [ratio, Number(y.toPrecision(6))]),
          ...(index === 0 ? { markLine: markLines(threshold) } : {}),
        })),
        whiskers(
          '95 % interval',
          points.map(({ ratio, ...rest }) => ({ x: ratio, ...rest })),
        ),
      ],
    },
    marks(series, item) {
      const one = groups[series]?.ones[item];
      if (one === undefined) return undefined;
      const { model, variant } = one.edit;
      const title =
        `${model}/${variant}: ratio ${ratioText(one.ratio)}${ends(one.across)}, ` +
        `${name} ${short(one.y)} ${unit}${ends(one.upright)}`;
      return { title, href: `#${cellAnchor(model, variant)}` };
    },
  };
}

/** Room around the values and 0, and labels only where values are: no flips below 0. */
function uprightAxis(values: readonly number[]): { min: number; max: number; ticks: number[] } {
  const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
  const room = 0.06 * (high - low || 1);
  return { min: low - room, max: high + room, ticks: high > low ? evenTicks(low, high) : [0] };
}

function short(value: number): string {
  return Number(value.toPrecision(3)).toString();
}

function ends(interval: Interval | null): string {
  return interval === null ? '' : ` [${short(interval.low)} to ${short(interval.high)}]`;
}

function markLines(threshold: string | undefined): object {
  const label = (formatter: string): object => ({
    formatter,
    color: COLOUR.muted,
    position: 'end',
    distance: 6,
  });
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
