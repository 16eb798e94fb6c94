// The charts' contents: what stands where, in what colour, with what words. Pure; svg.ts draws them.
import { GIB } from '../../../base/units.js';
import type { MemoryRow } from '../../analysis/memory.js';
import { compare } from '../../../base/compare.js';
import type { CellRecord } from '../../read/records.js';
import { AXIS, COLOUR, TEXT, type Chart } from './svg.js';

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
    file: 'memory',
    table: {
      columns: ['model and kind', ...shown.map(([name]) => `${name}, GiB`)],
      rows: names.map((name, item) => [
        name.replace('  ', ' '),
        ...shown.map(([, , values]) => values[item] ?? null),
      ]),
    },
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
      xAxis: {
        ...AXIS,
        type: 'value',
        name: 'memory of the largest cell, GiB',
        nameLocation: 'middle',
        nameGap: 28,
      },
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
    file: 'durations',
    table: {
      columns: ['kind', 'cells', 'least_s', 'lower_quartile_s', 'median_s', 'upper_quartile_s', 'greatest_s'],
      rows: groups.map(([kind, seconds], item) => [kind, seconds.length, ...(boxes[item] ?? [])]),
    },
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
        name: 'run time, seconds (log scale): least, quartiles, greatest',
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
