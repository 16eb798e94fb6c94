// What executors and the plugin print goes through here, to the terminal and so into Nx's cache of terminal output: without
// secrets, and without characters that act on a terminal.
import { plain, plainJson } from './plain-text.js';
import type { JsonValue } from '../json-value.js';
import { redact } from './redact.js';

/** Who reads along may stop (`… | head`): what is printed after that is for nobody, and no reason to end. */
const READER_IS_GONE: readonly (string | undefined)[] = ['EPIPE', 'ERR_STREAM_DESTROYED'];
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (!READER_IS_GONE.includes(error.code)) throw error;
  });
}

export function say(text: string): void {
  console.log(shown(text));
}

/** JSON for other programs, on one line. */
export function sayJson(value: unknown): void {
  console.log(shownJson(value));
}

/** As `shown`, of a value: its strings are cleaned one by one, so that what is printed is JSON whatever they hold. */
export function shownJson(value: unknown): string {
  return plainJson(redacted(JSON.parse(JSON.stringify(value)) as JsonValue));
}

function redacted(value: JsonValue): JsonValue {
  if (typeof value === 'string') return redact(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(redacted);
  const entries = Object.entries(value).map(([key, each]) => [redact(key), redacted(each ?? null)] as const);
  return Object.fromEntries(entries);
}

/** To stderr. */
export function complain(text: string): void {
  console.error(shown(text));
}

/** As it may be shown: also of a title or a frame that the caller writes itself. */
export function shown(text: string): string {
  return plain(redact(text));
}
