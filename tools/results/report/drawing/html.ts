// HTML as tagged templates: every value is escaped unless it is HTML already.
import { plain } from '../../../base/text/plain-text.js';

/** Markup that is safe to stand as it is. */
export class Html {
  constructor(readonly text: string) {}
  toString(): string {
    return this.text;
  }
}

export type HtmlValue = Html | string | number | null | undefined | false | readonly HtmlValue[];

export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return new Html(parts.reduce((text, part, index) => text + asText(values[index - 1]) + part));
}

/** Nothing for null, undefined and false; lists are joined. */
function asText(value: HtmlValue): string {
  if (value === null || value === undefined || value === false) return '';
  if (value instanceof Html) return value.text;
  if (typeof value === 'object') return value.map(asText).join('');
  return escapeHtml(String(value));
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** For text and quoted attributes. */
export function escapeHtml(text: string): string {
  return plain(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}

/** A relative link from `reports/` to a workspace path below `output/<suite>/`; each segment is escaped for a URL. */
export function linkTo(suite: string, path: string): string {
  const root = `output/${suite}/`;
  const below = path.startsWith(root) ? `../${path.slice(root.length)}` : `../../../${path}`;
  return below.split('/').map(encodeSegment).join('/');
}

function encodeSegment(segment: string): string {
  return segment === '..' ? segment : encodeURIComponent(segment);
}
