// The bell of a ticket: it wakes the executor that waits when a file appears in the ticket's directory.
import { watch, writeFileSync, type FSWatcher } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LockDirectory } from './directory/lock-directory.js';

/** Ring for a ticket. That a file appears there is the event: a full disk or a ticket just withdrawn rings no bell. */
export function ring(directory: LockDirectory, ticket: string, name: string, text = ''): void {
  try {
    writeFileSync(join(directory.tickets, ticket, name), text, { mode: 0o600 });
  } catch {
    // Whoever waits looks by itself after a while.
  }
}

export class Bell {
  readonly #watcher: FSWatcher | undefined;
  #rang = false;
  #ring: () => void = () => undefined;

  constructor(path: string) {
    try {
      this.#watcher = watch(path, { persistent: false }, () => {
        this.#rang = true;
        this.#ring();
      });
      this.#watcher.on('error', () => undefined);
    } catch {
      // No watches left on this host: the look after a while serves.
    }
  }

  /** Whether rings can be heard at all. */
  get hears(): boolean {
    return this.#watcher !== undefined;
  }

  /** Resolves at the next ring (or at once, if it rang since the last call), after the time, or when the signal aborts. */
  async rung(timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (!this.#rang) {
      const timer = new AbortController();
      const bell = new Promise<void>((resolve) => {
        this.#ring = resolve;
      });
      const timeout = sleep(timeoutMs, undefined, { signal: AbortSignal.any([timer.signal, signal]) }).catch(
        () => undefined,
      );
      await Promise.race([bell, timeout]);
      timer.abort();
    }
    this.#rang = false;
  }

  close(): void {
    this.#watcher?.close();
  }
}
