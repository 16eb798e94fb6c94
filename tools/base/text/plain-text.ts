// Text that came from elsewhere (logs, certificates, names of tasks, messages of other programs), made harmless to show:
// no character in it moves a cursor, sets a title, rings a bell, or turns the direction of reading.

/* eslint-disable no-control-regex -- these are what is looked for */
/**
 * C0 without tab and line feed, DEL and C1 (ESC, CSI, OSC, BEL, …); marks, overrides and isolates of direction; line and
 * paragraph separators; characters without a width that hide between others, tags, the mark of a byte order.
 */
const CONTROLS =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;
/* eslint-enable no-control-regex */

/** The text with every such character in its notation, `\x1b` or `\u202e`: seen, and without effect. Line ends stay. */
export function plain(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(CONTROLS, notation);
}

/** A value as JSON for other programs: the same characters are in JSON's own notation, so that a parser gives them back. */
export function plainJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(CONTROLS, (character) =>
    [...Array(character.length).keys()]
      .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

function notation(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const digits = code.toString(16);
  if (code > 0xffff) return `\\u{${digits}}`;
  return code > 0xff ? `\\u${digits.padStart(4, '0')}` : `\\x${digits.padStart(2, '0')}`;
}
