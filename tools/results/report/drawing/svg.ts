// Charts drawn by ECharts on the server: SVG text with no script, its colours left to the page's style sheet.
import type { EChartsCoreOption } from 'echarts/core';
import { escapeHtml, Html } from './html.js';

export interface Chart {
  /** Of its files, where a reader saves it. */
  file: string;
  /** What it shows, for those who cannot see it. */
  label: string;
  /** Its figures, as a reader saves them. */
  table: { columns: readonly string[]; rows: readonly (readonly (string | number | null)[])[] };
  width: number;
  height: number;
  option: EChartsCoreOption;
  /** Title and link of a mark, by series and item. */
  marks?: (series: number, item: number) => { title: string; href?: string } | undefined;
}

/** Colours are names of the page's: one SVG serves light and dark. */
export const COLOUR = {
  text: 'var(--text)',
  muted: 'var(--muted)',
  line: 'var(--line)',
  ground: 'var(--panel)',
  waiting: 'var(--waiting)',
  series: ['var(--c1)', 'var(--c2)', 'var(--c3)', 'var(--c4)', 'var(--c5)'],
  bad: 'var(--bad)',
} as const;

const FONT = 'system-ui, sans-serif';

/** Axis parts as the page wants them. */
export const AXIS = {
  axisLine: { lineStyle: { color: COLOUR.line } },
  axisTick: { lineStyle: { color: COLOUR.line } },
  minorTick: { lineStyle: { color: COLOUR.line } },
  axisLabel: { color: COLOUR.muted, fontFamily: FONT },
  nameTextStyle: { color: COLOUR.text, fontFamily: FONT },
  splitLine: { lineStyle: { color: COLOUR.line, opacity: 0.5 } },
};
export const TEXT = { color: COLOUR.text, fontFamily: FONT };

export type Draw = (chart: Chart) => Html;

/** Loads the library, which costs a third of a second: only a report that is made does. */
export async function loadCharts(): Promise<Draw> {
  const [{ init, use }, charts, components, { SVGRenderer }] = await Promise.all([
    import('echarts/core'),
    import('echarts/charts'),
    import('echarts/components'),
    import('echarts/renderers'),
  ]);
  use([
    ...[charts.ScatterChart, charts.LineChart, charts.BarChart, charts.CustomChart, charts.BoxplotChart],
    ...[components.GridComponent, components.LegendComponent, components.MarkLineComponent],
    SVGRenderer,
  ]);
  return ({ file, label, width, height, option, marks }) => {
    const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
    try {
      chart.setOption({ animation: false, textStyle: TEXT, ...option });
      return new Html(named(forPage(chart.renderToSVGString(), label, width, marks), file));
    } finally {
      chart.dispose();
    }
  };
}

/** Ids that count the charts of a process would make another page of the second that is drawn. */
const named = (svg: string, file: string): string => svg.replace(/\bzr\d+-/g, `${file}-`);

const MARK =
  /<(path|rect|circle|polyline|polygon)((?:[^>]*?) ecmeta_series_index="(\d+)"[^>]*?)(?:><\/\1>|\/>)/g;

/** Class names count the charts of a process, and style hovers of a script that is not there: both go. */
function forPage(svg: string, label: string, width: number, marks: Chart['marks']): string {
  const drawn = inner(svg, marks);
  // What holds links is no image.
  const role = drawn.includes('<a href=') ? 'group' : 'img';
  const style = `min-width:${Math.round(0.8 * width)}px;max-width:${Math.round(1.25 * width)}px`;
  return drawn.replace(
    /^<svg width="\d+" height="\d+"/,
    `<svg role="${role}" aria-label="${escapeHtml(label)}" style="${style}"`,
  );
}

/** Of hollow marks, which ECharts fills with white on whatever ground. */
const HOLLOW = / fill="#fff"/g;

function inner(svg: string, marks: Chart['marks']): string {
  return svg
    .replace(/<style[\s\S]*?<\/style>/, '')
    .replace(/ class="zr[^"]*"/g, '')
    .replace(/ pointer-events="[^"]*"/g, '')
    .replace(HOLLOW, ` fill="${COLOUR.ground}"`)
    .replace(/ xmlns:xlink="[^"]*"| version="1.1"| baseProfile="full"/g, '')
    .replace(MARK, (_whole, tag: string, attributes: string, series: string) => {
      const item = /ecmeta_data_index="(\d+)"/.exec(attributes)?.[1];
      const mark = item === undefined ? undefined : marks?.(Number(series), Number(item));
      const plain = attributes.replace(/ ecmeta_[a-z_]+="[^"]*"/g, '');
      if (mark === undefined) return `<${tag}${plain}/>`;
      const title = `<title>${escapeHtml(mark.title)}</title>`;
      if (mark.href === undefined) return `<${tag}${plain}>${title}</${tag}>`;
      // The link has the title as its name.
      return `<a href="${escapeHtml(mark.href)}">${title}<${tag}${plain}/></a>`;
    })
    .replace(/ ecmeta_[a-z_]+="[^"]*"/g, '')
    .replace(/ (?:d|transform|x|y|width|height)="[^"]*"/g, (attribute) =>
      attribute.replace(/-?\d+\.\d{3,}/g, (number) => String(Number(Number(number).toFixed(2)))),
    );
}
