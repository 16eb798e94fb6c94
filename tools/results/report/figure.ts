// A chart in the page: it scrolls where it is too wide, and is saved as PNG, SVG or CSV.
import { csvTable } from '../outputs/tables/csv.js';
import { html, type Html } from './drawing/html.js';
import type { Chart, Draw } from './drawing/svg.js';
import { packable } from './pack.js';

export type Figure = (chart: Chart) => Html;

export function figures(suite: string, draw: Draw): Figure {
  return (chart) => {
    const { label, file, table } = chart;
    const button = (kind: string): Html =>
      html`<button
        type="button"
        class="plain"
        data-save="${kind.toLowerCase()}"
        aria-label="Save as ${kind}: ${label}"
      >
        ${kind}
      </button>`;
    return packable(
      html`<figure data-file="${suite}-${file}">
        <div class="scroll chart" tabindex="0" role="region" aria-label="${label}">${draw(chart)}</div>
        <figcaption>
          <span class="swipe">scroll the chart sideways</span>
          <span class="save" hidden>${['PNG', 'SVG', 'CSV'].map(button)}</span>
        </figcaption>
        <pre class="csv" hidden>${csvTable(table.columns, table.rows)}</pre>
      </figure>`,
      { what: label, file: '../analysis/invarlock_results.csv' },
    );
  };
}
