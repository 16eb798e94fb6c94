// Pieces of the page that several sections use.
import type { Analysis } from '../analysis/analyse.js';
import type { EditResult, Standing } from '../analysis/variants.js';
import type { Rate } from '../analysis/statistics/confusion.js';
import { html, linkTo, type Html } from './drawing/html.js';
import { packable } from './pack.js';

/** Files that the page leads to, and which of them are not there. */
export interface Links {
  suite: string;
  /** Workspace paths. */
  absent: ReadonlySet<string>;
}

/** A link to a file; where it is not there, its text says so and leads nowhere. */
export function fileLink({ suite, absent }: Links, path: string, text: string): Html {
  if (absent.has(path)) return html`<span class="gone" title="${path}">${text} (not here)</span>`;
  return html`<a href="${linkTo(suite, path)}">${text}</a>`;
}

/** A command with a button that copies it; the button is shown where there is a script. */
export function command(text: string): Html {
  return html`<div class="command">
    <code tabindex="0">${text}</code
    ><button type="button" class="plain" data-copy="${text}" hidden>Copy</button>
  </div>`;
}

export function editsStanding({ edits }: Analysis, wanted: Standing): EditResult[] {
  return edits.filter(({ standing }) => standing === wanted);
}

export function percent(fraction: number | null): string {
  return fraction === null ? '–' : `${(100 * fraction).toFixed(1)}\u00a0%`;
}

/** `9 of 11 [52.3 to 94.9 %]`. */
export function rateText({ hits, of, interval: { low, high } }: Rate): string {
  if (of === 0) return '–';
  return `${hits} of ${of} [${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)} %]`;
}

export interface TableColumn<Row> {
  name: string;
  /** What it shows; text is escaped. */
  show: (row: Row) => Html | string | number | null;
  /** What it is sorted by where that differs from what it shows. */
  sort?: (row: Row) => string | number | null;
  number?: true;
}

export interface TableOptions {
  id: string;
  label: string;
  /** Where the same is, for a reader of a long page without script. */
  file: string;
  tall?: boolean;
  /** Placeholder of a field that narrows the rows. */
  finds?: string;
}

export function sortable<Row>(
  rows: readonly Row[],
  columns: readonly TableColumn<Row>[],
  { id, label, file, tall = false, finds }: TableOptions,
): Html {
  const field = (row: Row, { show, sort, number }: TableColumn<Row>): Html => {
    const key = sort === undefined ? undefined : (sort(row) ?? '');
    return html`<td${number === true && html` class="n"`}${key !== undefined && html` data-sort="${key}"`}>${show(row)}</td>`;
  };
  return packable(
    html`${
        finds !== undefined &&
        html`<input type="search" data-finds="${id}" placeholder="${finds}" aria-label="${finds}" hidden />
          <span id="${id}-count" class="muted" role="status"></span>`
      }
      <div class="scroll${tall && ' tall'}" tabindex="0" role="region" aria-label="${label}">
        <table class="wide" id="${id}" data-sortable>
          <thead>
            <tr>
              ${columns.map(({ name, number }) => html`<th scope="col" ${number === true && html` class="n"`}>${name}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${rows.map(
              (row) =>
                html`<tr>
                  ${columns.map((column) => field(row, column))}
                </tr> `,
            )}
          </tbody>
        </table>
      </div>`,
    { what: label, file },
  );
}

export function section(id: string, title: string, ...content: readonly (Html | false | null)[]): Html {
  return html`<section id="${id}">
    <h2>${title}</h2>
    ${content}
  </section>`;
}
