// Tells of a run while it goes on: the nx process of the run looks every few seconds, so that no cell and no lease waits for
// whoever is told. Where nobody wants to be told, nothing is looked at.
import { finishedText } from '../../execution/records/cell-states.js';
import { listSuites } from '../../suite/load/load.js';
import { readGeneratedSuite } from '../../suite/nx/generated.js';
import { loadSiteSettings, type SiteSettings } from '../../suite/settings/settings.js';
import { deliver, eventsOf, receivers } from './deliver.js';
import type { Notification } from './event.js';
import { look, notification, readProgressFile, watched, type Watched } from './look.js';

const EVERY_MS = 5_000;

export interface RunEnd {
  /** Targets. */
  failed: number;
  interrupted: boolean;
}

interface Watching {
  settings: SiteSettings;
  suites: Watched[];
  timer: NodeJS.Timeout;
  /** What is on its way. */
  pending: Set<Promise<void>>;
  complain: (line: string) => void;
}

let watching: Watching | undefined;

/** @param argv the command: suites that it names, and else all of them. */
export function watchRun(
  workspaceRoot: string,
  argv: readonly string[],
  complain: (line: string) => void,
): void {
  stop();
  let settings;
  try {
    settings = loadSiteSettings(workspaceRoot);
  } catch {
    // Every cell says what is wrong with them.
    return;
  }
  if (receivers(settings).length === 0) return;
  const words = argv.slice(2).join(' ');
  const generated = listSuites(workspaceRoot).filter(
    (suite) => readGeneratedSuite(workspaceRoot, suite) !== undefined,
  );
  const named = generated.filter((suite) => new RegExp(`(^|[\\s,:=])${suite}([.:,\\s*]|$)`).test(words));
  const now = Date.now();
  const suites = (named.length > 0 ? named : generated).map((suite) =>
    watched(workspaceRoot, suite, now, settings.notifyIdleMinutes),
  );
  const timer = setInterval(lookAgain, EVERY_MS);
  // Alone it keeps no process alive.
  timer.unref();
  watching = { settings, suites, timer, pending: new Set(), complain };
}

/** After the verdict: what was not told yet, and how the run ended. At the latest after `notify.timeout_s` it is over. */
export async function runEnded(end: RunEnd): Promise<void> {
  if (watching === undefined) return;
  lookAgain();
  const { suites, pending } = watching;
  for (const { workspaceRoot, suite } of suites) tell(endOf(workspaceRoot, suite, end));
  const last = [...pending];
  stop();
  await Promise.all(last);
}

function endOf(workspaceRoot: string, suite: string, { failed, interrupted }: RunEnd): Notification {
  const progress = readProgressFile(workspaceRoot, suite);
  const ended = interrupted ? 'interrupted' : failed > 0 ? 'with failures' : 'well';
  const cells = progress?.cells;
  const of = cells === undefined ? '' : `: ${finishedText({ total: cells.total, finished: cells.done })}`;
  const text = `${suite}: the run ended ${ended === 'interrupted' ? 'by a signal' : ended}${of}`;
  return notification(suite, progress, Date.now(), { event: 'run_ended', text, run: { ended, failed } });
}

function stop(): void {
  if (watching !== undefined) clearInterval(watching.timer);
  watching = undefined;
}

function lookAgain(): void {
  for (const of of watching?.suites ?? []) {
    try {
      for (const event of look(of, Date.now())) tell(event);
    } catch {
      // A file that is torn this instant is whole at the next look.
    }
  }
}

function tell(event: Notification): void {
  if (watching === undefined) return;
  const { settings, pending, complain } = watching;
  if (event.event !== 'test' && !eventsOf(settings).includes(event.event)) return;
  const sent = deliver(event, settings).then((deliveries) => {
    for (const { to, failed } of deliveries)
      if (failed !== undefined) complain(`notify: ${event.event} did not reach the ${to}: ${failed}`);
    pending.delete(sent);
  });
  pending.add(sent);
}
