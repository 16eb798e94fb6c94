// Shows what executors tell of the moment, in the nx process itself, where Nx shows an executor's output as it comes: of the
// project that was asked for, and of all with --outputStyle=stream. How far python-env is, is always shown.
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LIVE_LINES, LiveLineReader } from '../../base/text/live-lines.js';
import { LiveTerminal } from '../../base/text/live-terminal.js';
import { isInstalled } from '../../python-env/ensure.js';
import { INSTALLER } from '../../python-env/tell-installing.js';

const LOOK_MS = 100;

/**
 * Begin to show.
 *
 * @returns to be called at the end of the run: shows the rest.
 */
export async function showLive(workspaceRoot: string, argv: readonly string[]): Promise<() => void> {
  // An nx run within another's: that one shows.
  if (process.env[LIVE_LINES] !== undefined) return () => undefined;
  const directory = mkdtempSync(join(tmpdir(), 'validation-live-'));
  const path = join(directory, 'lines.jsonl');
  closeSync(openSync(path, 'w', 0o600));
  process.env[LIVE_LINES] = path;
  // Nx's moving lines and these would overwrite each other, for as long as something is installed: minutes.
  if (process.stdout.isTTY && !(await isInstalled(workspaceRoot)))
    process.env.NX_TASKS_RUNNER_DYNAMIC_OUTPUT ??= 'false';

  const reader = new LiveLineReader(path);
  const terminal = new LiveTerminal(process.stdout);
  const shows = shownProjects(argv, process.env);
  const look = (): void => {
    for (const { from, text, passing } of reader.take()) {
      if (from !== INSTALLER && !shows(from)) continue;
      if (passing === true) terminal.passing(text);
      else terminal.line(text);
    }
  };
  const timer = setInterval(look, LOOK_MS).unref();
  const end = (): void => {
    if (process.env[LIVE_LINES] !== path) return;
    clearInterval(timer);
    look();
    terminal.clear();
    Reflect.deleteProperty(process.env, LIVE_LINES);
    rmSync(directory, { recursive: true, force: true });
  };
  process.once('exit', end);
  return end;
}

/** As Nx decides whether it shows a task's output as it comes. */
export function shownProjects(
  argv: readonly string[],
  { NX_STREAM_OUTPUT }: NodeJS.ProcessEnv,
): (project: string) => boolean {
  const words = argv.slice(2);
  const styles = words.flatMap((word, at) => {
    const [, style = words[at + 1] ?? ''] = /^--output-?style(?:=(.*))?$/i.exec(word) ?? [undefined, ''];
    return style === '' ? [] : [style];
  });
  const [style = ''] = styles;
  if (style.startsWith('stream')) return () => true;
  if (style !== '' || NX_STREAM_OUTPUT === 'false') return () => false;
  if (NX_STREAM_OUTPUT === 'true') return () => true;
  const [command = '', first = ''] = words.filter((word) => !word.startsWith('-'));
  if (command === 'run-many' || command === 'affected') return () => false;
  const asked = command === 'run' ? first.split(':')[0] : first;
  return (project) => project === asked;
}
