// The exit code of an nx run: Nx ends with 130, as after Ctrl-C, where a failed cell had others skipped. It is 1 here, and
// 75 where the end of an allocation stopped it, and the same command would go on.
import { constants } from 'node:os';

let wasInterrupted = false;
const INTERRUPTED = 128 + constants.signals.SIGINT;

/** Called before a run: whether a signal ends it. */
export function watchSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.prependListener(signal, () => {
      wasInterrupted = true;
      // Before Nx itself listens, this listener must not keep the process alive.
      if (process.listenerCount(signal) === 1) process.exit(128 + constants.signals[signal]);
    });
  }
}

/** Of sysexits.h: EX_TEMPFAIL, try again. */
export const GOES_ON = 75;

/** Called after it. Nx's own choice is made later, when it ends the process. @param goesOn the same command would go on. */
export function tellFailure(statuses: readonly string[], goesOn: boolean): void {
  if (wasInterrupted || !statuses.includes('failure')) return;
  process.once('exit', (code) => {
    if (wasInterrupted) return;
    if (goesOn) process.exitCode = GOES_ON;
    else if (code === INTERRUPTED) process.exitCode = 1;
  });
}
