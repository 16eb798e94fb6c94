// The exit code of an nx run. Nx ends with 130, as after Ctrl-C, where a failed cell had others skipped: it is 1 here; with 0
// after a SIGINT: it is 130 here; and it is 75 where the end of an allocation stopped the run, and the same command would go on.
import { constants } from 'node:os';
import { complain } from './base/text/say.js';

type EndSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

let interruption: EndSignal | undefined;
const INTERRUPTED = codeOf('SIGINT');

/** Called before a run: whether a signal ends it. @param cells whether it is one of cells, of which something is kept. */
export function watchSignals(cells: boolean): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.prependListener(signal, () => {
      // At once: Nx shows nothing more after a SIGINT.
      if (interruption === undefined && cells)
        complain(`stopped by ${signal}: finished cells are kept, and the same command goes on`);
      interruption ??= signal;
      // Before Nx itself listens, this listener must not keep the process alive.
      if (process.listenerCount(signal) === 1) process.exit(codeOf(signal));
    });
  }
  process.once('exit', (code) => {
    if (interruption !== undefined && code === 0) process.exitCode = codeOf(interruption);
  });
}

/** A signal ended the run. */
export const wasInterrupted = (): boolean => interruption !== undefined;

function codeOf(signal: EndSignal): number {
  return 128 + constants.signals[signal];
}

/** Of sysexits.h: EX_TEMPFAIL, try again. */
export const GOES_ON = 75;

/** Called after it. Nx's own choice is made later, when it ends the process. @param goesOn the same command would go on. */
export function tellFailure(statuses: readonly string[], goesOn: boolean): void {
  if (interruption !== undefined || !statuses.includes('failure')) return;
  process.once('exit', (code) => {
    if (interruption !== undefined) return;
    if (goesOn) process.exitCode = GOES_ON;
    else if (code === INTERRUPTED) process.exitCode = 1;
  });
}
