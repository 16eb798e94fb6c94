// Prints a status: once, or again and again, on a terminal in place of the last.
import { shown, shownJson } from '../../base/text/say.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { cancellation } from '../../base/cancellation.js';
import { readStatus, type OutdatedCache } from './read-status.js';
import { statusLines } from './status-text.js';

export interface StatusAsked {
  workspaceRoot: string;
  suite: string;
  json: boolean;
}

const EVERY_MS = 2_000;
const HOME = '\x1b[H';
const CLEAR_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';

/** @throws Error when there is no status to show. */
export async function showStatus(asked: StatusAsked): Promise<void> {
  const { lines } = await frame(asked);
  console.log(lines.join('\n'));
}

/**
 * Until Ctrl-C, or until nx ends.
 *
 * @throws Error when there is no status to show.
 */
export async function watchStatus(asked: StatusAsked): Promise<void> {
  const { signal, dispose } = cancellation();
  const { stdout } = process;
  try {
    let cache: OutdatedCache | undefined;
    for (let frames = 0; !signal.aborted; frames += 1) {
      const next = await frame(asked, cache);
      cache = next.cache;
      if (!stdout.isTTY) {
        console.log(`${frames > 0 && !asked.json ? '\n' : ''}${next.lines.join('\n')}`);
      } else {
        stdout.write(redraw(next.lines, stdout.columns, stdout.rows));
      }
      await sleep(EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    dispose();
  }
}

/** Lines as they may be shown. */
async function frame(
  { workspaceRoot, suite, json }: StatusAsked,
  cache?: OutdatedCache,
): Promise<{ lines: string[]; cache: OutdatedCache }> {
  const { status, cache: next } = await readStatus(workspaceRoot, suite, cache);
  return { lines: json ? [shownJson(status)] : statusLines(status).map(shown), cache: next };
}

/** From the top of the screen, cut to its size; what is left of the last frame goes. A size of 0 is not known. */
export function redraw(lines: readonly string[], columns: number, rows: number): string {
  const shown = rows > 0 ? lines.slice(0, rows - 1) : lines;
  const cut = shown.map((line) =>
    columns > 0 && line.length > columns ? `${line.slice(0, columns - 1)}…` : line,
  );
  return `${HOME}${cut.map((line) => `${line}${CLEAR_LINE}\n`).join('')}${CLEAR_BELOW}`;
}
