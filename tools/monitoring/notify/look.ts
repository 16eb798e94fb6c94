// What there is to tell of a run: cells that failed for good, a disk that is short, and nothing that moves. Each once.
import { readdirSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { readIfThere } from '../../base/files.js';
import { progressPath } from '../../execution/progress/keep-progress.js';
import { progressFileSchema, type ProgressFile } from '../../execution/progress/progress.js';
import { attemptsDirectory } from '../../execution/records/attempt-paths.js';
import { readFaultLog } from '../../execution/records/fault-log.js';
import { pressurePath } from '../../execution/store/disk.js';
import type { Notification } from './event.js';

export interface Watched {
  workspaceRoot: string;
  suite: string;
  /** Milliseconds since the epoch: what was before is no news. */
  since: number;
  idleMinutes: number;
  told: Set<string>;
  moved: { what: string; at: number };
}

export function watched(workspaceRoot: string, suite: string, now: number, idleMinutes: number): Watched {
  return { workspaceRoot, suite, since: now, idleMinutes, told: new Set(), moved: { what: '', at: now } };
}

/** News since the last look. */
export function look(of: Watched, now: number): Notification[] {
  const { workspaceRoot, suite, since, told } = of;
  const progress = readProgressFile(workspaceRoot, suite);
  const event = (more: Pick<Notification, 'event' | 'text'> & Partial<Notification>): Notification =>
    notification(suite, progress, now, more);
  const news: Notification[] = [];
  const once = (key: string, make: () => Notification): void => {
    if (told.has(key)) return;
    told.add(key);
    news.push(make());
  };
  for (const { at, cell: id, code, message, log, again } of readFaultLog(workspaceRoot, suite).faults) {
    if (again || code === 'cancelled' || !(Date.parse(at) >= since)) continue;
    const text = `${suite}: ${id} failed for good: ${code}: ${firstLine(message)}`;
    once(`cell ${id} ${at}`, () => event({ event: 'cell_failed', text, cell: { id, code, message, log } }));
  }
  const pressure = diskPressure(of);
  if (pressure !== undefined) {
    const text = `${suite}: the disk is short: ${pressure}`;
    once('disk', () => event({ event: 'disk_short', text, disk: { message: pressure } }));
  }
  const idle = idleSince(of, progress, now);
  if (idle !== undefined) {
    const minutes = Math.floor((now - idle) / 60_000);
    const running = progress?.running.map(({ cell }) => cell) ?? [];
    const waiting = progress?.waiting.length ?? 0;
    const text = `${suite}: nothing has moved for ${minutes} minutes; ${running.length} cells run, ${waiting} wait. See npx nx run ${suite}:status`;
    once(`idle ${idle}`, () => event({ event: 'nothing_moved', text, idle: { minutes, running, waiting } }));
  }
  return news;
}

export function notification(
  suite: string,
  progress: ProgressFile | undefined,
  now: number,
  more: Pick<Notification, 'event' | 'text'> & Partial<Notification>,
): Notification {
  const at = new Date(now).toISOString();
  return { schema: 1, suite, host: hostname(), at, cells: progress?.cells ?? null, ...more };
}

export function readProgressFile(workspaceRoot: string, suite: string): ProgressFile | undefined {
  try {
    const text = readIfThere(progressPath(workspaceRoot, suite));
    return text === undefined ? undefined : progressFileSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** When the last thing moved, if that is too long ago. */
function idleSince(of: Watched, progress: ProgressFile | undefined, now: number): number | undefined {
  // The time in it is only of its writing.
  const what = JSON.stringify([
    progress?.cells,
    progress?.running,
    progress?.waiting,
    newestLog(of, progress),
  ]);
  if (what !== of.moved.what) of.moved = { what, at: now };
  return now - of.moved.at >= of.idleMinutes * 60_000 ? of.moved.at : undefined;
}

/** When a log of a running cell last grew: a large model is slow, and moves. */
function newestLog({ workspaceRoot }: Watched, progress: ProgressFile | undefined): number {
  const times = (progress?.running ?? []).flatMap(({ cell }) => {
    const [project = '', target = ''] = cell.split(':');
    const directory = attemptsDirectory(workspaceRoot, project, target);
    try {
      return readdirSync(directory).map(
        (attempt) => statSync(join(directory, attempt, 'log.txt'), { throwIfNoEntry: false })?.mtimeMs ?? 0,
      );
    } catch {
      return [];
    }
  });
  return Math.max(0, ...times);
}

function diskPressure({ workspaceRoot, suite, since }: Watched): string | undefined {
  try {
    const found = JSON.parse(readIfThere(join(workspaceRoot, pressurePath(suite))) ?? 'null') as Record<
      string,
      unknown
    > | null;
    if (found === null || !(Date.parse(String(found.detected_at)) >= since)) return undefined;
    return `${String(found.free_gb)} GiB free, ${String(found.min_free_gb)} GiB stay free`;
  } catch {
    return undefined;
  }
}

const firstLine = (text: string): string => text.split('\n')[0] ?? '';
