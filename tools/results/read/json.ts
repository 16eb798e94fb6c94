// Reads JSON as Python writes it: NaN, Infinity and -Infinity may stand bare where a number is expected.

const STRING_OR_TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?Infinity|NaN/g;

/**
 * The value of a JSON text that may hold bare NaN and infinities; they become the numbers they name.
 * Throws SyntaxError on anything else that is not JSON, as JSON.parse does.
 */
export function parseTolerantJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const mark = unusedMark(text);
    // Strings are matched first and kept, so a "NaN" inside one stays text.
    const strict = text.replace(STRING_OR_TOKEN, (match) =>
      match.startsWith('"') ? match : `"${mark}${match}"`,
    );
    if (strict === text) throw error;
    return JSON.parse(strict, (_key, value: unknown) =>
      typeof value === 'string' && value.startsWith(mark) ? Number(value.slice(mark.length)) : value,
    ) as unknown;
  }
}

/** A string that does not occur in the text, to tell a replaced token from a string of the file. */
function unusedMark(text: string): string {
  let mark = 'non-finite:';
  while (text.includes(mark)) mark = `non-finite-${mark}`;
  return mark;
}
