// The Nx plugin: after every run that touched a suite, its verdict and report are made, whole or not, failed or not.
import { complain, say, shown } from './base/text/say.js';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { PostTasksExecution, PreTasksExecution } from '@nx/devkit';

import { drained } from './base/drained.js';
import { noteLooked, restoring } from './base/restoring.js';
import { tellFailure, wasInterrupted, watchSignals } from './exit-code.js';
import type { RunEnd } from './monitoring/notify/watch-run.js';
import { CELL_KINDS } from './suite/model/cell.js';
import type { SiteSettings } from './suite/settings/settings.js';

export const name = 'validation-suite';

/** Before the first cell starts: what the weights of the run take of the disk, and what stops it. */
export const preTasksExecution: PreTasksExecution = async (_options, { workspaceRoot, argv }) => {
  const reset = resetAdvice(argv);
  if (reset !== undefined) throw withoutStack(reset);
  const { preflight } = await import('./monitoring/run/preflight.js');
  const { lines, suites, refusal } = preflight(workspaceRoot, argv);
  for (const line of lines) say(line);
  if (refusal !== undefined) throw withoutStack(`not started: ${refusal}`);
  const words = argv.slice(2).join(' ');
  const runsAny = RUNS_ANY.test(words);
  if (MAY_RUN_CELLS.test(words) || words.includes('python-env')) {
    const { showLive } = await import('./monitoring/run/show-live.js');
    endLive = await showLive(workspaceRoot, argv);
  }
  if (runsAny) {
    const settings = await enterHost(workspaceRoot);
    if (settings !== undefined) {
      await watchForNews(workspaceRoot, settings, argv);
      if (MAY_RUN_CELLS.test(words)) await settlePython(workspaceRoot, settings);
      await answerHashes(workspaceRoot, settings, suites);
    }
  }
  watchSignals(runsAny);
};

let endLive = (): void => undefined;
let tellEnd: ((end: RunEnd) => Promise<void>) | undefined;

/** Who wants to be told of events of this run is, from now on; what that takes is loaded for nobody else. */
async function watchForNews(
  workspaceRoot: string,
  { notifyWebhook, notifyCommand }: SiteSettings,
  argv: readonly string[],
): Promise<void> {
  tellEnd = undefined;
  if (notifyWebhook === null && notifyCommand === null) return;
  const { runEnded, watchRun } = await import('./monitoring/notify/watch-run.js');
  watchRun(workspaceRoot, argv, complain);
  tellEnd = runEnded;
}

/** What a run that may start cells has to know of this host and of other runs: its end, and that no other host runs them. */
async function enterHost(workspaceRoot: string): Promise<SiteSettings | undefined> {
  const { loadSiteSettings } = await import('./suite/settings/settings.js');
  let settings;
  try {
    settings = loadSiteSettings(workspaceRoot);
  } catch {
    // Every cell says what is wrong with them.
    return undefined;
  }
  const { lookAtAllocation } = await import('./monitoring/run/allocation.js');
  const { lines, refusal, deadline } = lookAtAllocation(settings);
  for (const line of lines) say(line);
  if (refusal !== undefined) throw withoutStack(`not started: ${refusal}`);
  if (deadline !== undefined) process.env.VALIDATION_DEADLINE = deadline;
  const { becomeHead } = await import('./monitoring/run/head.js');
  const other = await becomeHead(workspaceRoot, settings.lockDirectory);
  if (other !== undefined) throw withoutStack(`not started: ${other}`);
  const { removeEndedDirectories } = await import('./execution/engine/slurm/ended-directories.js');
  for (const path of await removeEndedDirectories(settings.lockDirectory))
    say(`${path} is removed: its Slurm job was killed`);
  return settings;
}

/** Where the hashes of cells depend on what is installed, that is known before Nx asks for them. */
async function settlePython(workspaceRoot: string, settings: SiteSettings): Promise<void> {
  const { settleFlash } = await import('./monitoring/run/settle-flash.js');
  const { tellInstalling } = await import('./python-env/tell-installing.js');
  const refusal = await settleFlash(workspaceRoot, settings, tellInstalling(say));
  if (refusal !== undefined) throw withoutStack(`not started: ${refusal}`);
}

/** What Nx's hashes of cells ask of this machine is answered here: two processes that load all this would do it otherwise. */
async function answerHashes(
  workspaceRoot: string,
  settings: SiteSettings,
  suites: readonly string[],
): Promise<void> {
  if (suites.length === 0) return;
  const { keepAnswer, machineAnswer } = await import('./execution/records/machine-answer.js');
  // What cannot be read is said by whoever asks next.
  const answer = await machineAnswer(workspaceRoot, settings).catch(() => undefined);
  if (answer === undefined) return;
  for (const suite of suites) keepAnswer(workspaceRoot, process.pid, suite, answer);
}

/** RESUME_MODE=false reaches receipts, not Nx's cache: the run stops and says which command starts from nothing. */
function resetAdvice(argv: readonly string[]): string | undefined {
  const resume = process.env.RESUME_MODE ?? '';
  if (!/^(false|0|no|off)$/i.test(resume.trim())) return undefined;
  if (process.env.NX_SKIP_NX_CACHE === 'true' || argv.some((word) => SKIP_CACHE.test(word))) return undefined;
  const words = argv.slice(2).join(' ');
  if (!RUNS_CELLS.test(words)) return undefined;
  const advice = `Give: RESUME_MODE=false npx nx ${words} --skip-nx-cache`;
  return `RESUME_MODE=false alone would be answered from Nx's cache. ${advice}`;
}

function withoutStack(sentence: string): Error {
  const error = new Error(shown(sentence));
  error.stack = '';
  return error;
}

const RUNS_CELLS = new RegExp(`[ :,](${CELL_KINDS.join('|')})\\b`);
const MAY_RUN_CELLS = new RegExp(`${RUNS_CELLS.source}|[ :,]verdict\\b`);
/** Also what only reads what came of them. */
const RUNS_ANY = new RegExp(`${RUNS_CELLS.source}|[ :,](verdict|report|compare)\\b`);
const SKIP_CACHE = /^--(skip-?nx-?cache|disable-?nx-?cache)(=true)?$/i;

/** Targets after which the verdict is no news: they made it, make no results, or only look. */
const SAYS_ALL: ReadonlySet<string> = new Set([
  'verdict',
  'report',
  'compare',
  'status',
  'leases',
  'python-env',
  'doctor',
  'clean',
  'plan',
  'restore',
  'export',
  'notify',
  'watch',
]);

/** As Nx calls what it did not run. */
const FROM_CACHE: ReadonlySet<string> = new Set(['local-cache', 'local-cache-kept-existing', 'remote-cache']);

export const postTasksExecution: PostTasksExecution = async (_options, context) => {
  endLive();
  const path = restoring();
  if (path !== undefined) {
    for (const { task, status } of Object.values(context.taskResults))
      if (FROM_CACHE.has(status)) noteLooked(path, { answered: task.id });
    return;
  }
  const goesOn = await wouldGoOn(context);
  tellFailure(
    Object.values(context.taskResults).map(({ status }) => status),
    goesOn,
  );
  try {
    await judgeWhatRan(context);
  } finally {
    await tellRunEnd(context);
    await drained();
  }
};

async function tellRunEnd({ taskResults }: Context): Promise<void> {
  if (tellEnd === undefined) return;
  const results = Object.values(taskResults);
  await tellEnd({
    failed: results.filter(({ status }) => status === 'failure').length,
    interrupted: wasInterrupted(),
  });
}

type Context = Parameters<PostTasksExecution>[1];

/** Whether this host's end stopped the run, and the same command would go on: a run that finished no cell says what to do. */
async function wouldGoOn({ workspaceRoot, taskResults, startTime }: Context): Promise<boolean> {
  const { VALIDATION_DEADLINE: deadline } = process.env;
  if (deadline === undefined) return false;
  const { metDeadline } = await import('./execution/progress/deadline-record.js');
  const results = Object.values(taskResults);
  const suites = [...new Set(results.map(({ task }) => task.target.project.split('.')[0] ?? ''))];
  const stopped = suites.filter((suite) => metDeadline(workspaceRoot, suite, startTime));
  if (stopped.length === 0) return false;
  const { readGeneratedSuite } = await import('./suite/nx/generated.js');
  const cells = new Set(
    suites.flatMap((suite) => readGeneratedSuite(workspaceRoot, suite)?.cells.map(({ id }) => id) ?? []),
  );
  if (results.some(({ status, task }) => status === 'success' && cells.has(task.id))) return true;
  complain(`no cell ended before ${deadline}: the next run would do no more. Ask for a longer allocation.`);
  return false;
}

async function judgeWhatRan(context: Context): Promise<void> {
  const tasks = Object.values(context.taskResults).map(({ task }) => task.target);
  // Asked for alone, the target has said all there is to say.
  if (tasks.every(({ target }) => SAYS_ALL.has(target))) return;
  const projects = tasks.map(({ project }) => project);
  const suites = new Set(
    projects
      .map((project) => project.split('.')[0] ?? '')
      .filter((suite) => existsSync(join(context.workspaceRoot, 'suites', suite, 'project.json'))),
  );
  if (suites.size === 0) return;
  const { messageOf } = await import('./base/message.js');
  for (const suite of suites) {
    try {
      await sayVerdict(context, suite);
    } catch (error) {
      // A verdict that cannot be written must not hide what the run itself said.
      complain(`\nverdict or report of ${suite} failed: ${messageOf(error)}`);
    }
    await publish(context.workspaceRoot, suite, suites.size > 1);
  }
}

async function sayVerdict(
  { workspaceRoot, taskResults, startTime, argv }: Context,
  suite: string,
): Promise<void> {
  const { runSummary } = await import('./monitoring/run/run-summary.js');
  const results = Object.values(taskResults).filter(({ status }) => status === 'success');
  const run = { workspaceRoot, suite, since: startTime, ran: new Set(results.map(({ task }) => task.id)) };
  const { requireGeneratedSuite } = await import('./suite/nx/generated.js');
  const { cells } = requireGeneratedSuite(workspaceRoot, suite);
  const said = saidByVerdict(taskResults, suite, new Set(cells.map(({ id }) => id)));
  if (said !== undefined) {
    const { shownProjects } = await import('./monitoring/run/show-live.js');
    // Nx has shown it, where it shows what the targets of the suite's own project say.
    if (!shownProjects(argv, process.env)(suite)) say(`\n${said}`);
    sayLines(await runSummary({ ...run, cells }));
    return;
  }
  const { verdictOf } = await import('./results/say-verdict.js');
  const { repairLinks } = await import('./execution/store/link.js');
  repairLinks(workspaceRoot, suite);
  const { verdict, report, standing } = await verdictOf(workspaceRoot, suite);
  say(`\n${verdict.join('\n')}`);
  sayLines(await runSummary({ ...run, cells, standing }));
  sayLines(report);
}

function sayLines(lines: readonly string[]): void {
  if (lines.length > 0) say(lines.join('\n'));
}

/**
 * What the run's own verdict said, when it was made after the last of the suite's cells: it need not be made again.
 * Undefined where there was none, where it failed, and where a cell may have run beside it or later.
 *
 * @param cells ids of the suite's: targets that only gather others have times too, and made nothing.
 */
export function saidByVerdict(
  taskResults: Context['taskResults'],
  suite: string,
  cells: ReadonlySet<string>,
): string | undefined {
  const results = Object.values(taskResults);
  const verdict = results.find(({ task }) => task.id === `${suite}:verdict`);
  const began = verdict?.task.startTime;
  if (verdict?.status !== 'success' || began === undefined) return undefined;
  const isBefore = results
    .filter(({ task }) => cells.has(task.id))
    .every(({ task: { endTime } }) => endTime === undefined || endTime <= began);
  const said = verdict.terminalOutput?.trimEnd() ?? '';
  return isBefore && said !== '' ? said : undefined;
}

/** OUTPUT_DIR: the suite's tree as the original script has it; of several suites, a directory each. */
async function publish(workspaceRoot: string, suite: string, several: boolean): Promise<void> {
  const { loadSiteSettings } = await import('./suite/settings/settings.js');
  const { messageOf } = await import('./base/message.js');
  try {
    const { outputDirectory } = loadSiteSettings(workspaceRoot);
    if (outputDirectory === null) return;
    const { publishAlone } = await import('./results/publishing/publish-alone.js');
    const where = several ? join(outputDirectory, suite) : outputDirectory;
    const { directory, made } = await publishAlone(workspaceRoot, suite, where, say);
    say(`published in ${directory} (${made} new)`);
  } catch (error) {
    complain(`output of ${suite} was not published: ${messageOf(error)}`);
  }
}
