// Rings when something changes in a directory; sleeping for it costs nothing.
import { watch, type FSWatcher } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

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
