// A status for people: what is done, what runs where, who waits for what, and how long it may take.
import { durationText } from '../../base/duration.js';
import { table } from './table.js';
import {
  CELL_STATES,
  finishedOf,
  finishedText,
  isFinished,
  type CellState,
  type Counts,
} from '../../execution/records/cell-states.js';
import type { Holder } from './holder.js';
import type { Lane } from './lanes.js';
import type { Status } from './status.js';

/** Waiting cells shown; `--json` has all. */
const SHOWN_WAITING = 15;
const SHOWN_FAILED = 10;

const WORDS: Record<CellState, string> = {
  done: 'done',
  cached: 'cached',
  running: 'running',
  waiting: 'waiting',
  failed: 'failed',
  blocked: 'behind failed ones',
  outdated: 'outdated',
  not_started: 'not started',
};

export function statusLines(status: Status): string[] {
  return [
    `${status.suite} at ${status.at.slice(0, 19)}Z: ${headline(status.cells)}`,
    timeLine(status),
    ...status.warnings.map((warning) => `warning: ${warning}`),
    '',
    ...laneLines(status),
    ...jobLines(status),
    ...waitingLines(status),
    ...failedLines(status),
    '',
    ...modelLines(status),
  ];
}

/** `41 of 78 cells finished, 12 of them cached; 4 running, 9 waiting, 24 not started`. */
function headline(counts: Counts): string {
  const cached = counts.cached > 0 ? `, ${counts.cached} of them cached` : '';
  const others = openText(counts);
  return `${finishedText(finishedOf(counts))}${cached}${others === '' ? '' : `; ${others}`}`;
}

/** `4 running, 9 waiting, 24 not started`. */
export function openText(counts: Counts): string {
  const open = CELL_STATES.filter((state) => !isFinished(state) && counts[state] > 0);
  return open.map((state) => `${counts[state]} ${WORDS[state]}`).join(', ');
}

function timeLine({ timeLeft, cells }: Status): string {
  if (timeLeft === null) {
    return cells.failed > 0
      ? 'nothing is left but what failed and what waits for it'
      : 'nothing is left to run';
  }
  const { seconds, estimated, cells: open } = timeLeft;
  const basis =
    estimated === 0
      ? 'by times measured in this suite'
      : estimated === open
        ? 'by a rough estimate: nothing of the kind was measured yet'
        : `by times measured in this suite, ${estimated} of ${open} cells by a rough estimate`;
  const left = `at least ${durationText(seconds)}, ${basis}`;
  return cells.running + cells.waiting > 0
    ? `time left: ${left}`
    : `none of it is running; it would take ${left}`;
}

function laneLines({ gpus, cpu, workspace }: Status): string[] {
  const rows = [
    ...gpus.flatMap((lane) => laneRows(lane, workspace)),
    ...cpu.holders.map((holder) => holderRow('CPU', holder, '', workspace)),
    ...(cpu.free > 0 || gpus.length === 0
      ? [['CPU', `${cpu.free} of ${cpu.slots} slots free`, '', '', '']]
      : []),
  ];
  const lines = table(rows);
  const holders = [...gpus.flatMap((lane) => lane.holders), ...cpu.holders];
  const concerned = new Map(holders.map((holder) => [holder.lease, holder]));
  return [
    ...lines,
    ...[...concerned.values()].flatMap(({ cell, concerns }) => concerns.map((one) => `! ${cell}: ${one}`)),
  ];
}

function laneRows({ name, totalGiB, usedGiB, holders, closed }: Lane, workspace: string): string[][] {
  const memory =
    totalGiB === null || usedGiB === null ? '' : `${usedGiB.toFixed(1)} of ${totalGiB.toFixed(1)} GiB used`;
  if (holders.length === 0) return [[name, closed === null ? 'free' : `closed: ${closed}`, '', memory, '']];
  return holders.map((holder, at) =>
    holderRow(at === 0 ? name : '', holder, at === 0 ? memory : '', workspace),
  );
}

function holderRow(name: string, holder: Holder, memory: string, workspace: string): string[] {
  const { cell, elapsedSeconds, reservedGiB, usedGiB, workerPid, attempt } = holder;
  const reserved = reservedGiB === null ? '' : `${reservedGiB.toFixed(1)} reserved`;
  const shared = memory === '' && usedGiB !== null ? `${usedGiB.toFixed(1)} GiB used` : '';
  const elsewhere = holder.workspace === workspace ? '' : ` (run of ${holder.workspace})`;
  return [
    name,
    `${cell}${elsewhere}`,
    durationText(elapsedSeconds),
    [memory, shared, reserved].filter((text) => text !== '').join(', '),
    `${workerPid === null ? 'no worker yet' : `worker ${workerPid}`}, attempt ${attempt}`,
  ];
}

/** Running ones first. */
function jobLines({ jobs, workspace }: Status): string[] {
  if (jobs.length === 0) return [];
  const running = jobs.filter(({ state }) => state === 'running');
  const waiting = jobs.filter(({ state }) => state === 'waiting');
  const shown = [...running, ...waiting.slice(0, SHOWN_WAITING)];
  const rows = shown.map(
    ({ cell, workspace: of, job, state, reason, node, gpus, attempt, elapsedSeconds }) => [
      job === null ? '  not submitted' : `  job ${job}`,
      `${cell}${of === workspace ? '' : ` (run of ${of})`}`,
      durationText(elapsedSeconds),
      state === 'running' ? `runs on ${node}` : reason,
      `${gpus} ${gpus === 1 ? 'GPU' : 'GPUs'}, attempt ${attempt}`,
    ],
  );
  const more = jobs.length - shown.length;
  return [
    '',
    `Slurm: ${running.length} jobs run, ${waiting.length} wait`,
    ...table(rows, [2]),
    ...(more > 0 ? [`  … and ${more} more (--json lists them all)`] : []),
  ];
}

function waitingLines({ waiting, workspace }: Status): string[] {
  if (waiting.length === 0) return [];
  const rows = waiting
    .slice(0, SHOWN_WAITING)
    .map(({ cell, workspace: of, reason, waitedSeconds }) => [
      `  ${cell}${of === workspace ? '' : ` (run of ${of})`}`,
      durationText(waitedSeconds),
      reason,
    ]);
  const more = waiting.length - rows.length;
  return [
    '',
    'waiting, the next first',
    ...table(rows, [1]),
    ...(more > 0 ? [`  … and ${more} more (--json lists them all)`] : []),
  ];
}

function failedLines({ failed }: Status): string[] {
  if (failed.length === 0) return [];
  const more = failed.length - SHOWN_FAILED;
  return [
    '',
    'failed',
    ...failed.slice(0, SHOWN_FAILED).map(({ cell, why }) => `  ${cell}: ${why.split('\n')[0] ?? ''}`),
    ...(more > 0 ? [`  … and ${more} more`] : []),
  ];
}

function modelLines({ models, cells }: Status): string[] {
  // The columns everybody expects, and the others where they say something.
  const always: readonly CellState[] = ['done', 'cached', 'running', 'waiting', 'failed', 'not_started'];
  const states = CELL_STATES.filter((state) => always.includes(state) || cells[state] > 0);
  const row = (name: string, counts: Counts): string[] => [
    name,
    ...states.map((state) => String(counts[state])),
    String(counts.total),
  ];
  const head = ['model', ...states.map((state) => WORDS[state]), 'cells'];
  const rows = Object.entries(models).map(([model, counts]) => row(model, counts));
  const sum = rows.length > 1 ? [row('all', cells)] : [];
  return table([head, ...rows, ...sum], head.map((_, column) => column).slice(1));
}
