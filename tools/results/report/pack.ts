// Keeps the page small: where all of it together is too long, pieces that are marked stand in it deflated.
import { deflateRawSync } from 'node:zlib';
import { html, Html } from './drawing/html.js';

/** Characters of a page that stands as it is; a longer one is opened slowly, and sent by mail not at all. */
export const LONGEST_PAGE = 1_500_000;
/** A piece that is not worth it stays as it is. */
const LEAST_PIECE = 2_000;

export interface PackOptions {
  /** What is packed, for a reader without script. */
  what: string;
  /** Where the same can be read. */
  file: string;
  /** Put in place when this is asked for, and not when the page is opened. */
  onDemand?: string;
}

/** Marks a piece that may be packed. What is inside is escaped, so no text can look like a mark. Not to be nested. */
export function packable(content: Html, { what, file, onDemand = '' }: PackOptions): Html {
  const head = [what, file, onDemand].map((each) => encodeURIComponent(each)).join(' ');
  return new Html(`<!--pack ${head}-->${content.text}<!--/pack-->`);
}

const MARKED = /<!--pack ([^\s<>]*) ([^\s<>]*) ([^\s<>]*)-->([\s\S]*?)<!--\/pack-->/g;

/** The page without its marks: whole where it is short, else with its marked pieces deflated. */
export function fitted(page: string): string {
  const whole = page.replace(MARKED, '$4');
  if (whole.length <= LONGEST_PAGE) return whole;
  return page.replace(MARKED, (_all, what: string, file: string, onDemand: string, content: string) =>
    content.length < LEAST_PIECE
      ? content
      : packed(content, {
          ...{ what: decodeURIComponent(what), file: decodeURIComponent(file) },
          onDemand: decodeURIComponent(onDemand),
        }),
  );
}

function packed(content: string, { what, file, onDemand }: Required<PackOptions>): string {
  const bytes = deflateRawSync(content, { level: 9 }).toString('base64');
  return html`<div
    class="packed"
    data-packed="${bytes}"
    ${onDemand !== '' && html`data-on-demand="${onDemand}"`}
  >
    ${onDemand === '' && html`<p class="muted" hidden>${what}: being unpacked …</p>`}
    ${
      onDemand === '' &&
      html`<noscript
        ><p>
          ${what}: a page of this size shows it by script only. The same is in <a href="${file}">${file}</a>.
        </p></noscript
      >`
    }
  </div>`.text;
}
