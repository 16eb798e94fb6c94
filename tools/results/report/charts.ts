// The charts' contents: what stands where, in what colour, with what words. Pure; svg.ts draws them.
import { GIB } from '../../base/units.js';
import type { Analysis } from '../analysis/analyse.js';
import type { Category } from '../analysis/statistics/confusion.js';
import { pointsText, ratioText } from '../outputs/text/format.js';
import type { MemoryRow } from '../analysis/memory.js';
import { compare } from '../../base/compare.js';
import type { CellRecord } from '../read/records.js';
import type { EditResult } from '../analysis/variants.js';
import { AXIS, COLOUR, TEXT, type Chart } from './svg.js';

/** Colour and shape each: whoever tells no colours apart still sees which is which. */
export const CATEGORY_LOOK: Record<Category, { name: string; colour: string; symbol: string }> = {
  TRUE_POSITIVE: { name: 'hurt, flagged', colour: COLOUR.series[0], symbol: 'circle' },
  TRUE_NEGATIVE: { name: 'harmless, not flagged', colour: COLOUR.series[2], symbol: 'rect' },
  FALSE_NEGATIVE: { name: 'hurt, missed', colour: COLOUR.bad, symbol: 'triangle' },
  FALSE_POSITIVE: { name: 'harmless, flagged', colour: COLOUR.series[3], symbol: 'diamond' },
  INCONCLUSIVE: { name: 'inconclusive', colour: COLOUR.muted, symbol: 'emptyCircle' },
};

/** All edits, and where they crowd about 1 beside some far off, those near the threshold again on a scale of their own. */
export function correlationCharts(analysis: Analysis): Chart[] {
  const whole = correlationChart(analysis, 'every edit', Infinity);
  if (whole === null) return [];
  const ratios = analysis.edits.flatMap(({ meanRatio }) => meanRatio ?? []);
  const crowded = Math.max(...ratios) > FAR && ratios.filter((ratio) => ratio <= NEAR).length > 2;
  const near = crowded ? correlationChart(analysis, `ratios up to ${NEAR}`, NEAR) : null;
  return near === null ? [whole] : [whole, near];
}

const NEAR = 1.25;
const FAR = 1.6;

function correlationChart(analysis: Analysis, which: string, upTo: number): Chart | null {
  const points = analysis.edits.filter(
    (edit): edit is EditResult & { meanDelta: number; meanRatio: number } =>
      edit.meanDelta !== null && edit.meanRatio !== null && edit.meanRatio > 0 && edit.meanRatio <= upTo,
  );
  if (points.length === 0) return null;
  const groups = Object.entries(CATEGORY_LOOK).flatMap(([category, look]) => {
    const edits = points.filter((edit) => edit.category === category);
    return edits.length === 0 ? [] : [{ look, edits }];
  });
  const thresholds = new Set(
    analysis.certificates.flatMap(({ judgement }) => judgement?.threshold.toFixed(4) ?? []),
  );
  const [threshold] = thresholds.size === 1 ? thresholds : [];
  const ratios = points.map(({ meanRatio }) => meanRatio);
  return {
    label: `Accuracy change against perplexity ratio of ${points.length} edits: ${which}`,
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
        name: 'accuracy change, percentage points',
        nameLocation: 'middle',
        nameGap: 44,
        scale: true,
      },
      series: groups.map(({ look, edits }, index) => ({
        type: 'scatter',
        name: look.name,
        symbol: look.symbol,
        symbolSize: 11,
        itemStyle: { color: look.colour, opacity: 0.9 },
        data: edits.map((edit) => [edit.meanRatio, Number((100 * edit.meanDelta).toFixed(3))]),
        ...(index === 0 ? { markLine: markLines(threshold) } : {}),
      })),
    },
    marks(series, item) {
      const edit = groups[series]?.edits[item];
      if (edit === undefined) return undefined;
      const title = `${edit.model}/${edit.variant}: ratio ${ratioText(edit.meanRatio)}, accuracy ${pointsText(edit.meanDelta)} points`;
      return { title, href: `#${cellAnchor(edit.model, edit.variant)}` };
    },
  };
}

/** Room for the names of an axis, in pixels: counted, since nothing here measures text. */
export function labelWidth(names: readonly string[]): number {
  return 16 + 7.4 * Math.max(0, ...names.map(({ length }) => length));
}

/** Without a browser text is measured short, so marks stand wide apart. */
export const LEGEND = {
  top: 0,
  left: 8,
  textStyle: { ...TEXT, fontSize: 12 },
  itemGap: 30,
  itemWidth: 14,
  itemHeight: 11,
};

export function cellAnchor(model: string, variant: string): string {
  return `cell-${model}-${variant}`;
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

/** Planned and largest measured memory by model and kind: on GPUs what nvidia-smi saw, else the process's own peak. */
export function memoryChart(rows: readonly MemoryRow[]): Chart | null {
  const groups = new Map<string, { planned: number; gpu: number | null; rss: number | null }>();
  for (const row of rows) {
    if (row.record === null) continue;
    const key = `${row.model}  ${row.kind}`;
    const known = groups.get(key) ?? { planned: row.requiredGiB, gpu: null, rss: null };
    groups.set(key, {
      planned: Math.max(known.planned, row.requiredGiB),
      gpu: largest(known.gpu, row.record.peakGpuBytes.nvidiaSmi),
      rss: largest(known.rss, row.record.peakRssBytes),
    });
  }
  const measured = [...groups]
    .filter(([, { gpu, rss }]) => gpu !== null || rss !== null)
    .sort(([a], [b]) => compare(a, b));
  if (measured.length === 0) return null;
  const names = measured.map(([name]) => name);
  const gib = (bytes: number | null): number | null =>
    bytes === null ? null : Number((bytes / GIB).toFixed(2));
  const bars: [name: string, colour: string, values: (number | null)[]][] = [
    ['planned', COLOUR.waiting, measured.map(([, { planned }]) => Number(planned.toFixed(2)))],
    ['measured on GPUs', COLOUR.series[0], measured.map(([, { gpu }]) => gib(gpu))],
    ['measured in host memory', COLOUR.series[3], measured.map(([, { rss }]) => gib(rss))],
  ];
  const shown = bars.filter(([, , values]) => values.some((value) => value !== null));
  return {
    label: 'Memory planned and measured, by model and kind of cell, in GiB',
    width: 860,
    height: 90 + names.length * (8 + 11 * shown.length),
    option: {
      legend: LEGEND,
      grid: {
        left: labelWidth(names),
        right: 30,
        top: 34,
        bottom: 44,
      },
      xAxis: { ...AXIS, type: 'value', name: 'GiB', nameLocation: 'middle', nameGap: 28 },
      yAxis: { ...AXIS, type: 'category', data: names, inverse: true, splitLine: { show: false } },
      series: shown.map(([name, color, data]) => ({
        ...{ type: 'bar', name, data, itemStyle: { color }, barGap: '10%', barCategoryGap: '25%' },
      })),
    },
    marks(series, item) {
      const [name, , values] = shown[series] ?? [];
      const value = values?.[item];
      if (value === null || value === undefined) return undefined;
      return { title: `${names[item] ?? ''}: ${value} GiB ${name ?? ''}` };
    },
  };
}

function largest(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.max(a, b);
}

/** Least, quartiles and greatest run time of each kind of cell, log scale. */
export function durationChart(records: readonly CellRecord[]): Chart | null {
  const kinds = new Map<string, number[]>();
  for (const { kind, runSeconds } of records) {
    if (runSeconds > 0) kinds.set(kind, [...(kinds.get(kind) ?? []), runSeconds]);
  }
  if (kinds.size === 0) return null;
  const groups = [...kinds].sort(([a], [b]) => compare(a, b));
  const boxes = groups.map(([, seconds]) => quantiles(seconds));
  return {
    label: 'Run time of each kind of cell, in seconds',
    width: 860,
    height: 90 + 34 * groups.length,
    option: {
      grid: {
        left: labelWidth(groups.map(([kind]) => `${kind} (000)`)),
        right: 30,
        top: 10,
        bottom: 48,
      },
      xAxis: {
        ...AXIS,
        type: 'log',
        name: 'seconds (log scale): least, quartiles, greatest',
        nameLocation: 'middle',
        nameGap: 30,
      },
      yAxis: {
        ...AXIS,
        type: 'category',
        data: groups.map(([kind, seconds]) => `${kind} (${seconds.length})`),
        inverse: true,
        splitLine: { show: false },
      },
      series: [
        {
          type: 'boxplot',
          data: boxes,
          itemStyle: { color: 'var(--panel)', borderColor: COLOUR.series[0], borderWidth: 1.5 },
          boxWidth: [8, 18],
        },
      ],
    },
    marks(_series, item) {
      const box = boxes[item]?.map((seconds) => durationText(seconds));
      return box === undefined ? undefined : { title: `${groups[item]?.[0] ?? ''}: ${box.join(' · ')}` };
    },
  };
}

/** Least, lower quartile, median, upper quartile, greatest; between two values by their distance (R's type 7). */
export function quantiles(values: readonly number[]): number[] {
  const sorted = [...values].sort((a, b) => a - b);
  return [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const place = share * (sorted.length - 1);
    const low = sorted[Math.floor(place)] ?? NaN;
    const high = sorted[Math.ceil(place)] ?? NaN;
    return low + (high - low) * (place - Math.floor(place));
  });
}

/** `45.2 s`, `12 min 5 s`, `3 h 20 min`, `2 d 4 h`. */
export function durationText(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const units: [number, string][] = [
    [86_400, 'd'],
    [3_600, 'h'],
    [60, 'min'],
    [1, 's'],
  ];
  const first = units.findIndex(([size]) => Math.round(seconds) >= size);
  const [size, unit] = units[first] ?? [1, 's'];
  const [small, rest] = units[first + 1] ?? [1, 's'];
  const whole = Math.floor(Math.round(seconds) / size);
  const left = Math.floor((Math.round(seconds) - whole * size) / small);
  return left === 0 ? `${whole} ${unit}` : `${whole} ${unit} ${left} ${rest}`;
}
