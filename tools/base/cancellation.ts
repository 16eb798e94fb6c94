// Turns the ways a run ends early (Ctrl-C, SIGTERM, nx gone) into one AbortSignal.

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Aborts on the first of SIGINT, SIGTERM, SIGHUP, or when the nx process that forked this executor is gone. */
export function cancellation(): { signal: AbortSignal; dispose: () => void } {
  const controller = new AbortController();
  const abort = (): void => {
    controller.abort();
  };
  for (const name of SIGNALS) process.on(name, abort);
  process.on('disconnect', abort);
  // Gone before anybody listened.
  if ((process.connected as boolean | undefined) === false) abort();
  return {
    signal: controller.signal,
    dispose() {
      for (const name of SIGNALS) process.off(name, abort);
      process.off('disconnect', abort);
    },
  };
}
