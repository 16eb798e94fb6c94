// What executors and the plugin print goes through here, to the terminal and so into Nx's cache of terminal output: without
// secrets, and without characters that act on a terminal.
import { plain } from './plain-text.js';
import { redact } from './redact.js';

export function say(text: string): void {
  console.log(shown(text));
}

/** To stderr. */
export function complain(text: string): void {
  console.error(shown(text));
}

/** As it may be shown: also of a title or a frame that the caller writes itself. */
export function shown(text: string): string {
  return plain(redact(text));
}
